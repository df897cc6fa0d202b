use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, actix_web};

use super::view::OwnUserView;
use crate::accounts::Accounts;

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let user = accounts.own(caller.user_id).await?;
    // Apps ask for it when they start.
    accounts.sessions.last_seen.note(caller.session_id);
    Ok(HttpResponse::Ok().json(OwnUserView::from(user)))
}
