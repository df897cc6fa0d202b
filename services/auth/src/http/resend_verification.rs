use actix_web::{HttpResponse, web::Data};
use web::{ApiError, Caller, actix_web};

use crate::accounts::Accounts;

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    accounts.resend_verification(caller.user_id).await?;
    Ok(HttpResponse::Accepted().finish())
}
