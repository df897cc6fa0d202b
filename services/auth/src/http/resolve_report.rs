use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use domain::{CaseAction, check_remark};
use garde::Validate;
use serde::Deserialize;
use web::{ApiError, Caller, Faults, ValidJson, actix_web};

use super::moderation_view::CaseView;
use crate::report_queue::ReportQueue;

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    action: CaseAction,
    note: Option<String>,
}

pub(crate) async fn handle(
    queue: Data<ReportQueue>,
    caller: Caller,
    id: Path<String>,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let mut faults = Faults::default();
    let note = body.note.unwrap_or_default();
    let Some(note) = faults.note("note", check_remark(&note)) else {
        return Err(ApiError::validation(faults.0));
    };
    let case = queue.resolve(caller.user_id, id.parse().ok(), body.action, note);
    Ok(HttpResponse::Ok().json(CaseView::from(case.await?)))
}
