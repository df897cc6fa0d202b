use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, ListView, Paging, actix_web};

use super::relation_view::SuggestionView;
use crate::suggestions::{Position, Suggestions};

pub(crate) async fn handle(
    suggestions: Data<Suggestions>,
    caller: Caller,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let (found, next) = suggestions.page(caller.user_id, &paging).await?;
    let views: Vec<_> = found.into_iter().map(SuggestionView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(views, &paging, next.as_ref())))
}
