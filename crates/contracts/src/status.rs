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
