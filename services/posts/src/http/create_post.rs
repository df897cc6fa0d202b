use actix_web::{HttpResponse, http::header::ContentType, web::Data};
use domain::MediaType;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::Repeatable;
use web::{ApiError, Caller, IdempotencyKey, ValidJson, actix_web, body_hash};

use super::view::PostView;
use crate::{drafts::Draft, posts::Posts};

/// In the route table, and in the records of answered requests.
pub(crate) const NAME: &str = "create_post";

/// Values are checked in the use case.
#[derive(Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    content: Option<String>,
    caption: Option<String>,
    media_urls: Option<Vec<String>>,
    media_type: Option<MediaType>,
    location: Option<String>,
}

impl From<Body> for Draft {
    fn from(body: Body) -> Self {
        Self {
            content: body.content,
            caption: body.caption,
            media_urls: body.media_urls.unwrap_or_default(),
            media_type: body.media_type,
            location: body.location,
        }
    }
}

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let repeatable = key.map(|key| Repeatable {
        route: NAME,
        key,
        body_hash: body_hash(&body),
    });
    let show = |post| serde_json::to_string(&PostView::from(post));
    let answer = posts
        .create(caller.user_id, body.into(), repeatable, show)
        .await?;
    Ok(HttpResponse::Created()
        .content_type(ContentType::json())
        .body(answer))
}
