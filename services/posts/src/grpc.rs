//! The internal API: `anufy.posts.v1`.

mod counters;
mod posts;

use contracts::status;
use tonic::Status;
use web::Failure;

pub(crate) use counters::CountersApi;
pub(crate) use posts::PostsApi;

use crate::PostError;

/// The status for a failure; the calling service logs the message.
fn refuse(error: impl Into<PostError>) -> Status {
    let error = error.into();
    let message = format!("{}: {error}", error.code());
    let mut refused = status(error.kind(), message);
    refused.set_source(std::sync::Arc::new(error));
    refused
}
