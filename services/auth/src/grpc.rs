//! The internal API: `anufy.auth.v1`.

mod counters;
mod relations;
mod sessions;
mod users;

use contracts::status;
use tonic::Status;
use web::Failure;

pub(crate) use counters::CountersApi;
pub(crate) use relations::RelationsApi;
pub(crate) use sessions::SessionsApi;
pub(crate) use users::UsersApi;

use crate::AuthError;

/// The status for a failure; the calling service logs the message.
fn refuse(error: AuthError) -> Status {
    let message = format!("{}: {error}", error.code());
    let mut refused = status(error.kind(), message);
    refused.set_source(std::sync::Arc::new(error));
    refused
}
