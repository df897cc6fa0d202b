use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use crate::{AuthError, accounts::Accounts};

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let session_id = id.parse().or(Err(AuthError::SessionNotFound))?;
    accounts.end_session(caller.user_id, session_id).await?;
    Ok(HttpResponse::NoContent().finish())
}
