use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use super::view::{LikeView, post_id};
use crate::posts::Posts;

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let post_id = post_id(&id)?;
    let set = posts.set_like(caller.user_id, post_id, None);
    Ok(HttpResponse::Ok().json(LikeView {
        likes_count: set.await?,
        post_id,
        is_liked: false,
        reaction: None,
    }))
}
