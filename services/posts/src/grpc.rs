//! The internal API: `anufy.posts.v1`.

mod accounts;
mod counters;
mod feeds;
mod likes;
mod posts;

use tonic::Status;
use web::Failure;

pub(crate) use accounts::AccountsApi;
pub(crate) use counters::CountersApi;
pub(crate) use feeds::FeedsApi;
pub(crate) use likes::LikesApi;
pub(crate) use posts::PostsApi;

use crate::PostError;

/// The status for a failure.
fn refuse(error: impl Into<PostError>) -> Status {
    let error = error.into();
    contracts::refuse(error.kind(), error.code(), &error)
}
