use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use super::view::{PostView, post_id};
use crate::posts::Posts;

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let post = posts.get(caller.user_id, post_id(&id)?).await?;
    Ok(HttpResponse::Ok().json(PostView::from(post)))
}
