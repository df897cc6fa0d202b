use actix_web::{HttpRequest, HttpResponse, web::Data};
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use store::Repeatable;
use web::{ApiError, IdempotencyKey, ValidJson, actix_web, body_hash};

use super::view::{LoggedInView, device};
use crate::{accounts::Accounts, registration::Registration};

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

/// The request, if it may be repeated. The password is no part of the hash
/// that is kept: a fast one would give it away.
fn repeatable(key: Option<String>, body: &Body) -> Option<Repeatable> {
    let shown = (&body.email, &body.username, &body.full_name, &body.dob);
    Some(Repeatable {
        route: "register",
        key: key?,
        body_hash: body_hash(&shown),
    })
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    request: HttpRequest,
    IdempotencyKey(key): IdempotencyKey,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let repeatable = repeatable(key, &body);
    let registration = Registration {
        email: body.email,
        password: body.password,
        username: body.username,
        full_name: body.full_name,
        dob: body.dob,
    };
    let register = accounts.register(registration, device(&request), repeatable);
    let logged_in = register.await?;
    Ok(HttpResponse::Created().json(LoggedInView::from(logged_in)))
}
