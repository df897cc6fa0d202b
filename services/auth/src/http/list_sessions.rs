use actix_web::{HttpResponse, web::Data};
use domain::{Session, SessionId, Timestamp};
use serde::Serialize;
use web::{ApiError, Caller, ListView, Paging, actix_web};

use crate::{accounts::Accounts, device_names::device_name, login_sessions::SessionPosition};

/// A device that somebody is logged in on.
#[derive(Serialize)]
struct SessionView {
    #[serde(rename = "_id")]
    id: SessionId,
    device: String,
    user_agent: Option<String>,
    ip: Option<String>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    /// It is the one that asks.
    is_current: bool,
}

impl SessionView {
    fn of(session: Session, current: SessionId) -> Self {
        Self {
            device: device_name(session.user_agent.as_deref()),
            is_current: session.id == current,
            id: session.id,
            user_agent: session.user_agent,
            ip: session.ip,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
        }
    }
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    caller: Caller,
    paging: Paging<SessionPosition>,
) -> Result<HttpResponse, ApiError> {
    let list = accounts.login_sessions(caller.user_id, &paging);
    let (sessions, next) = list.await?;
    let views = sessions.into_iter();
    let views = views.map(|session| SessionView::of(session, caller.session_id));
    let list = ListView::new(views.collect(), &paging, next.as_ref());
    Ok(HttpResponse::Ok().json(list))
}
