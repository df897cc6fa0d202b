use actix_web::{HttpRequest, HttpResponse, web::Data};
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use web::{ApiError, ValidJson, actix_web};

use super::view::{LoggedInView, device};
use crate::accounts::{Accounts, Registration};

/// Values are checked together with the date, in the use case.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    email: String,
    password: SecretString,
    username: String,
    full_name: String,
    dob: String,
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    request: HttpRequest,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let registration = Registration {
        email: body.email,
        password: body.password,
        username: body.username,
        full_name: body.full_name,
        dob: body.dob,
    };
    let logged_in = accounts.register(registration, device(&request)).await?;
    Ok(HttpResponse::Created().json(LoggedInView::from(logged_in)))
}
