use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, actix_web};

use crate::accounts::Accounts;

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    accounts
        .sessions
        .log_out(caller.user_id, caller.session_id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
