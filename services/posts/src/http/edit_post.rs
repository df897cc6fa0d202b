use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use garde::Validate;
use serde::Deserialize;
use web::{ApiError, Caller, ValidJson, actix_web, given};

use super::view::{PostView, post_id};
use crate::{drafts::Revision, posts::Posts};

/// Any subset. Values are checked in the use case.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    caption: Option<String>,
    #[serde(default, deserialize_with = "given")]
    location: Option<Option<String>>,
}

impl From<Body> for Revision {
    fn from(body: Body) -> Self {
        Self {
            caption: body.caption,
            location: body.location,
        }
    }
}

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let id = post_id(&id)?;
    let post = posts.edit(caller.user_id, id, body.into()).await?;
    Ok(HttpResponse::Ok().json(PostView::from(post)))
}
