//! What posts knows about things that auth keeps records of.

mod export;

use contracts::{
    events::v1::ContentType,
    kind_of,
    posts::v1::{FindContentRequest, accounts_service_client::AccountsServiceClient},
    rpc::{Caller, CallerChannel},
};
use domain::{ErrorKind, Evidence, Id, Target, UserId};

pub(crate) use export::PostsExport;

use crate::{AuthError, Settings};

/// The way to posts.
#[derive(Clone)]
pub(crate) struct Posts {
    accounts: AccountsServiceClient<CallerChannel>,
}

/// Something that somebody made.
pub(crate) struct Content {
    pub(crate) author_id: UserId,
    pub(crate) evidence: Evidence,
}

impl Posts {
    /// Prepares the way, for which posts need not be up.
    pub(crate) fn connect(settings: &Settings) -> anyhow::Result<Self> {
        let credential = &settings.credential.service_credential;
        let (url, timeout) = (&settings.posts_grpc_url, settings.posts_timeout);
        let channel = Caller::channel(url, credential, timeout)?;
        Ok(Self {
            accounts: AccountsServiceClient::new(channel),
        })
    }

    /// A post or comment as it is, if it is for the eyes of `viewer`.
    pub(crate) async fn find(
        &self,
        viewer: UserId,
        content_type: ContentType,
        id: Id<Target>,
    ) -> Result<Option<Content>, AuthError> {
        let request = FindContentRequest {
            viewer_id: viewer.to_string(),
            content_type: content_type.into(),
            content_id: id.to_string(),
        };
        let content = match self.accounts.clone().find_content(request).await {
            Ok(content) => content.into_inner(),
            Err(status) if kind_of(&status) == ErrorKind::NotFound => return Ok(None),
            Err(status) => return Err(AuthError::Posts(Box::new(status))),
        };
        let author_id = content.author_id.parse();
        Ok(Some(Content {
            author_id: author_id.or(Err(AuthError::Unreadable("the author of a post")))?,
            evidence: Evidence {
                text: content.text,
                media_urls: content.media_urls,
            },
        }))
    }
}
