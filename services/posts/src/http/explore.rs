use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, Code, Paging, actix_web};

use super::view::list;
use crate::{explore::Place, posts::Posts};

/// Refuses a cursor whose order is kept no longer with `cursor_expired` (400).
pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    paging: Paging<Place>,
) -> Result<HttpResponse, ApiError> {
    let page = posts.explore(caller.user_id, &paging).await?;
    let page = page.ok_or_else(|| ApiError::of(Code::CursorExpired))?;
    Ok(HttpResponse::Ok().json(list(page, &paging)))
}
