use std::{error::Error, iter::successors};

use domain::ErrorKind;
use tonic::{Code, Status};

/// A gRPC status for a failure of `kind`; `message` is for the calling service's log.
#[must_use]
pub fn status(kind: ErrorKind, message: impl Into<String>) -> Status {
    Status::new(Code::from(kind.grpc_code()), message)
}

/// The kind of failure that a status stands for.
#[must_use]
pub fn kind_of(status: &Status) -> ErrorKind {
    ErrorKind::from_grpc_code(i32::from(status.code()))
}

/// The status for an error of the service that is called. Its causes stay
/// there: failures of ours go to the log, with everything that led to them.
#[must_use]
pub fn refuse(kind: ErrorKind, code: &'static str, error: &(dyn Error + 'static)) -> Status {
    let causes = || {
        let chain = successors(Some(error), |&error| error.source());
        let words: Vec<String> = chain.map(ToString::to_string).collect();
        words.join(": ")
    };
    match kind {
        ErrorKind::Internal => tracing::error!(code, error = causes(), "call failed"),
        ErrorKind::Unavailable | ErrorKind::Timeout => {
            tracing::warn!(code, error = causes(), "dependency failed");
        }
        _ => {}
    }
    status(kind, format!("{code}: {error}"))
}
