use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use web::{ApiError, Caller, ListView, Paging, Parameters, actix_web};

use super::moderation_view::AuditEntryView;
use crate::audit::{Audit, AuditQuery, Position};

#[derive(Deserialize)]
pub(crate) struct Query {
    actor: Option<String>,
    target: Option<String>,
}

pub(crate) async fn handle(
    audit: Data<Audit>,
    caller: Caller,
    Parameters(query): Parameters<Query>,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let query = AuditQuery::parse(query.actor.as_deref(), query.target.as_deref())?;
    let (entries, next) = audit.page(caller.user_id, query, &paging).await?;
    let entries: Vec<_> = entries.into_iter().map(AuditEntryView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(entries, &paging, next.as_ref())))
}
