use actix_web::{HttpRequest, HttpResponse, web::Data};
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use web::{ApiError, ValidJson, actix_web};

use super::{bounds, view::device};
use crate::accounts::Accounts;

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    #[garde(custom(bounds::token))]
    token: SecretString,
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    request: HttpRequest,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let address = device(&request).address();
    accounts.verify_email(&body.token, address).await?;
    Ok(HttpResponse::NoContent().finish())
}
