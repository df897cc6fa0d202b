use actix_web::{HttpRequest, HttpResponse, web::Data};
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use web::{ApiError, ValidJson, actix_web};

use super::{
    bounds,
    view::{LoggedInView, device},
};
use crate::accounts::Accounts;

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    #[garde(length(bytes, max = 320))]
    email: String,
    #[garde(custom(bounds::password))]
    password: SecretString,
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    request: HttpRequest,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let log_in = accounts.log_in(&body.email, body.password, device(&request));
    let logged_in = log_in.await?;
    Ok(HttpResponse::Ok().json(LoggedInView::from(logged_in)))
}
