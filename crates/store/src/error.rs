use domain::ErrorKind;
use mongodb::error::{CommandError, ErrorKind as DriverErrorKind, WriteError, WriteFailure};

/// Why an operation on MongoDB failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The driver or the server says no.
    #[error("mongodb operation failed")]
    Driver(#[from] mongodb::error::Error),
    /// No answer in time; a write may have been done or not.
    #[error("mongodb did not answer in time")]
    Timeout,
}

/// Server error codes: `DuplicateKey`, `WriteConflict`, `MaxTimeMSExpired`, those
/// of a server that is starting, stopping or not primary, and those of a
/// transaction that took too long or whose snapshot is gone (from MongoDB's
/// list of error codes).
const DUPLICATE_KEY: i32 = 11_000;
const TIME_EXPIRED: i32 = 50;
const NOT_NOW: [i32; 15] = [
    6, 7, 89, 91, 112, 189, 246, 251, 262, 290, 9001, 10_107, 11_600, 11_602, 13_435,
];

impl StoreError {
    /// The kind of failure: outages are `Unavailable`, never `Internal`.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        let Self::Driver(error) = self else {
            return ErrorKind::Unavailable;
        };
        if self.duplicate_index().is_some() {
            return ErrorKind::Conflict;
        }
        if error.contains_label(mongodb::error::TRANSIENT_TRANSACTION_ERROR)
            || error.contains_label(mongodb::error::UNKNOWN_TRANSACTION_COMMIT_RESULT)
        {
            return ErrorKind::Unavailable;
        }
        match error.kind.as_ref() {
            DriverErrorKind::Io(_)
            | DriverErrorKind::ServerSelection { .. }
            | DriverErrorKind::ConnectionPoolCleared { .. }
            | DriverErrorKind::DnsResolve { .. }
            | DriverErrorKind::Write(WriteFailure::WriteConcernError(_))
            | DriverErrorKind::Shutdown => ErrorKind::Unavailable,
            DriverErrorKind::Command(CommandError { code, .. })
                if *code == TIME_EXPIRED || NOT_NOW.contains(code) =>
            {
                ErrorKind::Unavailable
            }
            _ => ErrorKind::Internal,
        }
    }

    /// The name of the unique index that a write collided with.
    #[must_use]
    pub fn duplicate_index(&self) -> Option<&str> {
        let Self::Driver(error) = self else {
            return None;
        };
        let (code, message) = match error.kind.as_ref() {
            DriverErrorKind::Write(WriteFailure::WriteError(WriteError {
                code, message, ..
            }))
            | DriverErrorKind::Command(CommandError { code, message, .. }) => (*code, message),
            _ => return None,
        };
        if code != DUPLICATE_KEY {
            return None;
        }
        // "E11000 duplicate key error collection: db.users index: NAME dup key: { … }"
        let (_, rest) = message.split_once(" index: ")?;
        rest.split_whitespace().next()
    }
}
