use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, ListView, Paging, SearchText, actix_web};

use super::view::OtherUserView;
use crate::{mongo::WordPlace, user_search::UserSearch};

pub(crate) async fn handle(
    search: Data<UserSearch>,
    caller: Caller,
    SearchText(text): SearchText,
    paging: Paging<WordPlace>,
) -> Result<HttpResponse, ApiError> {
    let (found, next) = search.page(caller.user_id, &text, &paging).await?;
    let users: Vec<_> = found.into_iter().map(OtherUserView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(users, &paging, next.as_ref())))
}
