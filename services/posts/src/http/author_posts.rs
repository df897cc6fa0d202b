use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, Paging, actix_web};

use super::view::list;
use crate::{PostError, mongo::Position, posts::Posts};

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    author: Path<String>,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let author = author.parse().or(Err(PostError::UserNotFound))?;
    let page = posts.by_author(caller.user_id, author, &paging).await?;
    Ok(HttpResponse::Ok().json(list(page, &paging)))
}
