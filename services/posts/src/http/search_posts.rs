use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, Paging, SearchText, actix_web};

use super::view::list;
use crate::{mongo::Position, posts::Posts};

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    SearchText(text): SearchText,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let page = posts.search(caller.user_id, &text, &paging).await?;
    Ok(HttpResponse::Ok().json(list(page, &paging)))
}
