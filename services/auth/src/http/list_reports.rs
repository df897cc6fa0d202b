use actix_web::{HttpResponse, web::Data};
use domain::{CaseStatus, TargetType};
use serde::{Deserialize, de::IntoDeserializer, de::value};
use web::{ApiError, Caller, Faults, ListView, Paging, Parameters, actix_web};

use super::moderation_view::CaseView;
use crate::report_queue::{CaseQuery, Position, ReportQueue};

#[derive(Deserialize)]
pub(crate) struct Query {
    status: Option<String>,
    target_type: Option<String>,
}

impl Query {
    fn parse(&self) -> Result<CaseQuery, ApiError> {
        let mut faults = Faults::default();
        let status: Option<CaseStatus> = word("status", self.status.as_deref(), &mut faults);
        let target_type: Option<TargetType> =
            word("target_type", self.target_type.as_deref(), &mut faults);
        if !faults.is_empty() {
            return Err(ApiError::validation(faults.0));
        }
        Ok(CaseQuery {
            status: status.unwrap_or_default(),
            target_type,
        })
    }
}

/// One of the words of `T`, if a text is given.
fn word<'de, T: Deserialize<'de>>(
    field: &str,
    text: Option<&'de str>,
    faults: &mut Faults,
) -> Option<T> {
    let read = T::deserialize(text?.into_deserializer());
    read.map_err(|error: value::Error| faults.add(field, error.to_string()))
        .ok()
}

pub(crate) async fn handle(
    queue: Data<ReportQueue>,
    caller: Caller,
    Parameters(query): Parameters<Query>,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let page = queue.page(caller.user_id, query.parse()?, &paging).await?;
    let cases: Vec<_> = page.cases.into_iter().map(CaseView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(cases, &paging, page.next.as_ref())))
}
