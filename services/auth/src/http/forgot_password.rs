use actix_web::{HttpRequest, HttpResponse, web::Data};
use garde::Validate;
use serde::Deserialize;
use web::{ApiError, ValidJson, actix_web};

use super::view::device;
use crate::accounts::Accounts;

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    #[garde(length(bytes, min = 1, max = 320))]
    email: String,
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    request: HttpRequest,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let address = device(&request).address();
    accounts.forgot_password(&body.email, address).await?;
    Ok(HttpResponse::Accepted().finish())
}
