use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use super::view::comment_id;
use crate::posts::Posts;

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = comment_id(&id)?;
    posts.delete_comment(caller.user_id, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
