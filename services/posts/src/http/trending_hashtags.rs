use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, ListView, Paging, actix_web};

use super::view::TrendView;
use crate::{posts::Posts, trending::TrendPosition};

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    paging: Paging<TrendPosition>,
) -> Result<HttpResponse, ApiError> {
    let trends = posts.trending(caller.user_id, &paging).await?;
    let tags: Vec<_> = trends.tags.into_iter().map(TrendView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(tags, &paging, trends.next.as_ref())))
}
