use actix_web::{HttpResponse, http::header::ContentType, web::Data};
use domain::{CaseStatus, Id, ReportId, ReportReason, Target, TargetType, check_remark};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::Repeatable;
use web::{ApiError, Caller, Faults, IdempotencyKey, ValidJson, actix_web, body_hash};

use crate::reports::{Complaint, Reports};

/// In the route table, and in the records of answered requests.
pub(crate) const NAME: &str = "create_report";

#[derive(Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    target_type: TargetType,
    target_id: Id<Target>,
    reason: ReportReason,
    details: Option<String>,
}

/// What becomes of a report is not told to whoever made it.
#[derive(Serialize)]
struct View {
    #[serde(rename = "_id")]
    id: ReportId,
    status: CaseStatus,
}

impl Body {
    fn into_complaint(self) -> Result<Complaint, ApiError> {
        let mut faults = Faults::default();
        let details = self.details.unwrap_or_default();
        let Some(details) = faults.note("details", check_remark(&details)) else {
            return Err(ApiError::validation(faults.0));
        };
        Ok(Complaint {
            target: Target {
                kind: self.target_type,
                id: self.target_id,
            },
            reason: self.reason,
            details,
        })
    }
}

fn show(id: ReportId) -> Result<String, serde_json::Error> {
    let status = CaseStatus::Open;
    serde_json::to_string(&View { id, status })
}

pub(crate) async fn handle(
    reports: Data<Reports>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let repeatable = key.map(|key| Repeatable {
        route: NAME,
        key,
        body_hash: body_hash(&body),
    });
    let complaint = body.into_complaint()?;
    let answer = reports.create(caller.user_id, complaint, repeatable, show);
    Ok(HttpResponse::Accepted()
        .content_type(ContentType::json())
        .body(answer.await?))
}
