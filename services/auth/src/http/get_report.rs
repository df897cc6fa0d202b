use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use super::moderation_view::FullCaseView;
use crate::report_queue::ReportQueue;

pub(crate) async fn handle(
    queue: Data<ReportQueue>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let case = queue.get(caller.user_id, id.parse().ok()).await?;
    Ok(HttpResponse::Ok().json(FullCaseView::from(case)))
}
