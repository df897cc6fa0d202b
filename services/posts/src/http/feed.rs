use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, Paging, actix_web};

use super::view::list;
use crate::{mongo::Position, posts::Posts};

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let page = posts.feed(caller.user_id, &paging).await?;
    Ok(HttpResponse::Ok()
        // Every page is read from MongoDB.
        .insert_header(("X-Cache", "MISS"))
        .json(list(page, &paging)))
}
