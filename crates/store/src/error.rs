use domain::ErrorKind;
use mongodb::error::{
    CommandError, ErrorKind as DriverErrorKind, TRANSIENT_TRANSACTION_ERROR,
    UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteError, WriteFailure,
};

/// Why an operation on MongoDB failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The driver or the server says no.
    #[error("mongodb operation failed")]
    Driver(#[from] mongodb::error::Error),
    /// No answer in time; a write may have been done or not.
    #[error("mongodb did not answer in time")]
    Timeout,
    /// The server ended a transaction because it took too long; one that has
    /// less to do may have the time.
    #[error("transaction took longer than mongodb allows")]
    TooLong(#[source] mongodb::error::Error),
}

// From MongoDB's list of error codes.
/// `DuplicateKey`.
const DUPLICATE_KEY: i32 = 11_000;
/// `IndexOptionsConflict`.
const INDEX_OPTIONS_CONFLICT: i32 = 85;
/// `Interrupted`: what ran in a session that was killed.
const INTERRUPTED: i32 = 11_601;
/// `NoSuchTransaction` and `TransactionExceededLifetimeLimitSeconds`.
const ENDED: [i32; 2] = [251, 290];
/// `MaxTimeMSExpired`.
const TIME_EXPIRED: i32 = 50;
/// `WriteConflict`, those of a server that is starting, stopping or not primary,
/// and those of a transaction that took too long or whose snapshot is gone.
const NOT_NOW: [i32; 15] = [
    6, 7, 89, 91, 112, 189, 246, 251, 262, 290, 9001, 10_107, 11_600, 11_602, 13_435,
];

impl StoreError {
    /// The kind of failure: outages are `Unavailable`, never `Internal`.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        let error = match self {
            Self::Driver(error) => error,
            Self::Timeout => return ErrorKind::Unavailable,
            Self::TooLong(_) => return ErrorKind::Timeout,
        };
        if self.duplicate_index().is_some() {
            return ErrorKind::Conflict;
        }
        if Self::is_passing(error) || error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) {
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

    /// Whether the server has ended the transaction by itself: it is not there
    /// any more, or has lasted longer than any may.
    pub(crate) fn is_end_of_transaction(error: &mongodb::error::Error) -> bool {
        code_of(error).is_some_and(|code| ENDED.contains(&code))
    }

    /// Whether a transaction may succeed when it is tried again: it collided with
    /// another, its session was killed, or the server is gone for the moment.
    pub(crate) fn is_passing(error: &mongodb::error::Error) -> bool {
        error.contains_label(TRANSIENT_TRANSACTION_ERROR) || code_of(error) == Some(INTERRUPTED)
    }

    /// Whether the index that was to be created is there, under another name.
    pub(crate) fn is_index_of_another_name(error: &mongodb::error::Error) -> bool {
        match error.kind.as_ref() {
            DriverErrorKind::Command(CommandError { code, message, .. }) => {
                // Of other indexes with this code, the message says otherwise.
                *code == INDEX_OPTIONS_CONFLICT
                    && message.starts_with("Index already exists with a different name")
            }
            _ => false,
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

fn code_of(error: &mongodb::error::Error) -> Option<i32> {
    match error.kind.as_ref() {
        DriverErrorKind::Command(CommandError { code, .. }) => Some(*code),
        _ => None,
    }
}
