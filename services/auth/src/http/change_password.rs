use actix_web::{HttpRequest, HttpResponse, web::Data};
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use web::{ApiError, Caller, ValidJson, actix_web};

use super::{bounds, view::device};
use crate::accounts::Accounts;

/// Whether the new one is good enough is checked in the use case.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    #[garde(custom(bounds::password))]
    current_password: SecretString,
    #[garde(custom(bounds::password))]
    new_password: SecretString,
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    caller: Caller,
    request: HttpRequest,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let session = (caller.user_id, caller.session_id);
    let address = device(&request).address();
    let (current, new) = (body.current_password, body.new_password);
    accounts
        .change_password(session, current, new, address)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
