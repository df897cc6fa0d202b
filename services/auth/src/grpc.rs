//! The internal API: `anufy.auth.v1`.

mod counters;
mod operator;
mod relations;
mod sessions;
mod users;

use tonic::Status;
use web::Failure;

pub(crate) use counters::CountersApi;
pub(crate) use operator::OperatorApi;
pub(crate) use relations::RelationsApi;
pub(crate) use sessions::SessionsApi;
pub(crate) use users::UsersApi;

use crate::AuthError;

/// The status for a failure.
fn refuse(error: impl Into<AuthError>) -> Status {
    let error = error.into();
    contracts::refuse(error.kind(), error.code(), &error)
}
