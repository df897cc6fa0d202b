use actix_web::{HttpResponse, http::header::ContentType, web::Data};
use web::{ApiError, Caller, Paging, actix_web};

use super::view::{list_json, with_likes};
use crate::{mongo::Position, posts::Posts};

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let feed = posts.feed(caller.user_id, &paging, list_json).await?;
    let cache = if feed.is_hit { "HIT" } else { "MISS" };
    let body = if feed.changed.is_empty() {
        feed.json
    } else {
        with_likes(&feed.json, feed.changed)?
    };
    Ok(HttpResponse::Ok()
        .insert_header(("X-Cache", cache))
        .content_type(ContentType::json())
        .body(body))
}
