use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, OptionalJson, actix_web};

use super::{
    like_post::Body,
    view::{CommentLikeView, comment_id},
};
use crate::posts::Posts;

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
    OptionalJson(body): OptionalJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let (comment_id, reaction) = (comment_id(&id)?, body.reaction()?);
    let reaction = Some(reaction);
    let set = posts.set_comment_like(caller.user_id, comment_id, reaction.clone());
    Ok(HttpResponse::Ok().json(CommentLikeView {
        likes_count: set.await?,
        comment_id,
        is_liked: true,
        reaction,
    }))
}
