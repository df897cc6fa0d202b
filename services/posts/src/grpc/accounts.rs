use contracts::{
    events::v1::ContentType,
    posts::v1::{
        ExportAccountRequest, ExportAccountResponse, FindContentRequest, FindContentResponse,
        accounts_service_server::AccountsService,
    },
    rpc::parse_id,
};
use domain::UserId;
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{content::ContentId, export::Export, posts::Posts};

pub(crate) struct AccountsApi {
    pub(crate) posts: Posts,
    pub(crate) export: Export,
}

#[tonic::async_trait]
impl AccountsService for AccountsApi {
    type ExportAccountStream = BoxStream<'static, Result<ExportAccountResponse, Status>>;

    /// Each message is read when the one before it is on its way, and nothing
    /// is when the caller has gone.
    async fn export_account(
        &self,
        request: Request<ExportAccountRequest>,
    ) -> Result<Response<Self::ExportAccountStream>, Status> {
        let user_id: UserId = parse_id(&request.into_inner().user_id)?;
        let export = self.export.clone();
        let messages = stream::try_unfold(Some(Export::start()), move |place| {
            let export = export.clone();
            async move {
                let Some(place) = place else { return Ok(None) };
                let page = export.page(user_id, place).await.map_err(refuse)?;
                let message = ExportAccountResponse {
                    section: page.section.to_owned(),
                    items: page.items,
                };
                Ok::<_, Status>(Some((message, page.next)))
            }
        });
        let messages = messages.try_filter(|message| {
            let is_full = !message.items.is_empty();
            async move { is_full }
        });
        Ok(Response::new(messages.boxed()))
    }

    async fn find_content(
        &self,
        request: Request<FindContentRequest>,
    ) -> Result<Response<FindContentResponse>, Status> {
        let request = request.into_inner();
        let viewer = parse_id(&request.viewer_id)?;
        let id = match request.content_type() {
            ContentType::Post => ContentId::Post(parse_id(&request.content_id)?),
            ContentType::Comment => ContentId::Comment(parse_id(&request.content_id)?),
            ContentType::Reel | ContentType::Message | ContentType::Unspecified => {
                return Err(Status::invalid_argument("content of another service"));
            }
        };
        let content = self.posts.find_content(viewer, id).await.map_err(refuse)?;
        Ok(Response::new(FindContentResponse {
            author_id: content.author.to_string(),
            text: content.text,
            media_urls: content.media_urls,
        }))
    }
}
