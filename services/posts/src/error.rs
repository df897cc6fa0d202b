use bus::BusError;
use cache::CacheError;
use contracts::kind_of;
use domain::ErrorKind;
use store::{RepeatError, StoreError};
use tonic::Status;
use web::{Failure, Faults, FieldError};

/// What can go wrong in this service: one variant per thing a caller can act on.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// Values against their rules.
    #[error("invalid fields")]
    InvalidFields(Vec<FieldError>),
    /// The caller's account was suspended or deleted.
    #[error("account not active")]
    AccountNotActive,
    /// No such post, or not for the caller's eyes.
    #[error("post not found")]
    PostNotFound,
    /// Only its author may do that.
    #[error("not the caller's post")]
    NotYourPost,
    /// No such account, or not for the caller's eyes.
    #[error("user not found")]
    UserNotFound,
    /// The posts of the account are for its followers.
    #[error("account private")]
    AccountPrivate,
    /// The key was used for something else.
    #[error("idempotency key reused")]
    IdempotencyKeyReused,
    /// MongoDB.
    #[error("store failed")]
    Store(#[from] StoreError),
    /// The broker did not confirm a job.
    #[error("job not accepted")]
    Queue(#[from] BusError),
    /// Redis, where it cannot be done without.
    #[error("redis failed")]
    Cache(#[from] CacheError),
    /// What another service says has no meaning here.
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
    /// auth did not answer, or not as agreed.
    #[error("auth failed")]
    Auth(#[source] Box<Status>),
    /// An answer could not be written.
    #[error("answer not written")]
    Answer(#[from] serde_json::Error),
}

impl Failure for PostError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidFields(_) | Self::IdempotencyKeyReused | Self::Unreadable(_) => {
                ErrorKind::Invalid
            }
            Self::AccountNotActive | Self::NotYourPost => ErrorKind::Forbidden,
            Self::PostNotFound | Self::UserNotFound | Self::AccountPrivate => ErrorKind::NotFound,
            Self::Store(error) => error.kind(),
            Self::Queue(_) => ErrorKind::Unavailable,
            Self::Cache(error) => error.kind(),
            Self::Auth(status) => match kind_of(status) {
                // What we asked is wrong.
                ErrorKind::Invalid | ErrorKind::Unauthenticated => ErrorKind::Internal,
                _ => ErrorKind::Unavailable,
            },
            Self::Answer(_) => ErrorKind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InvalidFields(_) => "validation_failed",
            Self::AccountNotActive => "account_not_active",
            Self::PostNotFound => "post_not_found",
            Self::NotYourPost => "not_your_post",
            Self::UserNotFound => "user_not_found",
            Self::AccountPrivate => "account_private",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::Store(_)
            | Self::Queue(_)
            | Self::Cache(_)
            | Self::Unreadable(_)
            | Self::Auth(_)
            | Self::Answer(_) => self.kind().as_str(),
        }
    }

    fn public_message(&self) -> String {
        match self {
            Self::InvalidFields(_) => "the request breaks the rules of its fields",
            Self::AccountNotActive => "this account is not active",
            Self::PostNotFound => "there is no such post",
            Self::NotYourPost => "only its author may do that",
            Self::UserNotFound => "there is no such user",
            Self::AccountPrivate => "the posts of this account are for its followers",
            Self::IdempotencyKeyReused => "this idempotency key was used for another request",
            Self::Store(_)
            | Self::Queue(_)
            | Self::Cache(_)
            | Self::Unreadable(_)
            | Self::Auth(_)
            | Self::Answer(_) => match self.kind() {
                ErrorKind::Unavailable | ErrorKind::Timeout => {
                    "a server that this needs is down, try again in a moment"
                }
                _ => "the request could not be handled",
            },
        }
        .to_owned()
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::InvalidFields(fields) => fields.clone(),
            _ => Vec::new(),
        }
    }
}

impl From<RepeatError> for PostError {
    fn from(error: RepeatError) -> Self {
        match error {
            RepeatError::KeyReused => Self::IdempotencyKeyReused,
            RepeatError::Store(error) => error.into(),
        }
    }
}

impl From<Faults> for PostError {
    fn from(Faults(fields): Faults) -> Self {
        Self::InvalidFields(fields)
    }
}
