use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use super::view::{CommentLikeView, comment_id};
use crate::posts::Posts;

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let comment_id = comment_id(&id)?;
    let set = posts.set_comment_like(caller.user_id, comment_id, None);
    Ok(HttpResponse::Ok().json(CommentLikeView {
        likes_count: set.await?,
        comment_id,
        is_liked: false,
        reaction: None,
    }))
}
