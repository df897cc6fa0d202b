use actix_web::{
    HttpResponse,
    http::header::ContentType,
    web::{Data, Path},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::Repeatable;
use web::{ApiError, Caller, IdempotencyKey, ValidJson, actix_web, body_hash};

use super::{
    list_comments::parent_id,
    view::{CommentView, post_id},
};
use crate::{comments::CommentDraft, posts::Posts};

/// In the route table, and in the records of answered requests.
pub(crate) const NAME: &str = "create_comment";

/// Values are checked in the use case.
#[derive(Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    content: Option<String>,
    parent_id: Option<String>,
}

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let post_id = post_id(&id)?;
    let repeatable = key.map(|key| Repeatable {
        route: NAME,
        key,
        body_hash: body_hash(&(post_id, &body)),
    });
    let draft = CommentDraft {
        parent_id: parent_id(body.parent_id.as_deref())?,
        content: body.content.unwrap_or_default(),
    };
    let show = |comment| serde_json::to_string(&CommentView::from(comment));
    let answer = posts
        .create_comment(caller.user_id, post_id, draft, repeatable, show)
        .await?;
    Ok(HttpResponse::Created()
        .content_type(ContentType::json())
        .body(answer))
}
