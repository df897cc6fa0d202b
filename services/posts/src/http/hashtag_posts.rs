use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, Paging, actix_web};

use super::view::list;
use crate::{mongo::Position, posts::Posts};

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    tag: Path<String>,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let page = posts.with_hashtag(caller.user_id, &tag, &paging).await?;
    Ok(HttpResponse::Ok().json(list(page, &paging)))
}
