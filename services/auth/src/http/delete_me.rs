use actix_web::{HttpRequest, HttpResponse, web::Data};
use domain::Timestamp;
use garde::Validate;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use web::{ApiError, Caller, ValidJson, actix_web};

use super::{bounds, view::device};
use crate::accounts::Accounts;

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    #[garde(custom(bounds::password))]
    password: SecretString,
}

/// Until when a login brings the account back.
#[derive(Serialize)]
struct DeletedView {
    erased_after: Timestamp,
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    caller: Caller,
    request: HttpRequest,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let address = device(&request).address();
    let delete = accounts.delete(caller.user_id, body.password, address);
    let erased_after = delete.await?;
    Ok(HttpResponse::Accepted().json(DeletedView { erased_after }))
}
