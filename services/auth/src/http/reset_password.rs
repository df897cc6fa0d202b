use actix_web::{HttpRequest, HttpResponse, web::Data};
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use web::{ApiError, ValidJson, actix_web};

use super::{bounds, view::device};
use crate::accounts::Accounts;

/// Whether the new password is good enough is checked in the use case.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    #[garde(custom(bounds::token))]
    token: SecretString,
    #[garde(custom(bounds::password))]
    new_password: SecretString,
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    request: HttpRequest,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let address = device(&request).address();
    accounts
        .reset_password(&body.token, body.new_password, address)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
