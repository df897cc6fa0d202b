use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use super::view::{SaveView, post_id};
use crate::posts::Posts;

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let post_id = post_id(&id)?;
    let saves_count = posts.unsave(caller.user_id, post_id).await?;
    Ok(HttpResponse::Ok().json(SaveView {
        post_id,
        is_saved: false,
        saves_count,
    }))
}
