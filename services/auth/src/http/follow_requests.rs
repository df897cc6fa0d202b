use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, ListView, Paging, actix_web};

use super::relation_view::FollowRequestView;
use crate::{follow_lists::Position, follow_requests::FollowRequests};

pub(crate) async fn handle(
    requests: Data<FollowRequests>,
    caller: Caller,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let (found, next) = requests.page(caller.user_id, &paging).await?;
    let views: Vec<_> = found.into_iter().map(FollowRequestView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(views, &paging, next.as_ref())))
}
