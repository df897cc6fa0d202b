use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, Paging, actix_web};

use super::view::list;
use crate::{mongo::Position, posts::Posts};

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let page = posts.saved(caller.user_id, &paging).await?;
    Ok(HttpResponse::Ok().json(list(page, &paging)))
}
