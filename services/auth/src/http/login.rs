use actix_web::{HttpRequest, HttpResponse, web::Data};
use garde::Validate;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use web::{ApiError, ValidJson, actix_web};

use super::view::{LoggedInView, device};
use crate::accounts::Accounts;

/// Longest password that is hashed, in bytes: more is an attempt to keep a core busy.
const PASSWORD_BYTES_MAX: usize = 1024;

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    #[garde(length(bytes, max = 320))]
    email: String,
    #[garde(custom(bounded))]
    password: SecretString,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "garde passes its context so"
)]
fn bounded(password: &SecretString, _: &()) -> garde::Result {
    if password.expose_secret().len() > PASSWORD_BYTES_MAX {
        return Err(garde::Error::new("is too long"));
    }
    Ok(())
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    request: HttpRequest,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let logged_in = accounts
        .sessions
        .log_in(&body.email, body.password, device(&request))
        .await?;
    Ok(HttpResponse::Ok().json(LoggedInView::from(logged_in)))
}
