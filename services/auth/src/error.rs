use std::time::Duration;

use cache::CacheError;
use domain::ErrorKind;
use store::StoreError;
use web::{Failure, FieldError};

/// What can go wrong in this service: one variant per thing a caller can act on.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Values against their rules.
    #[error("invalid fields")]
    InvalidFields(Vec<FieldError>),
    /// The e-mail address has an account.
    #[error("email taken")]
    EmailTaken,
    /// The username has an account.
    #[error("username taken")]
    UsernameTaken,
    /// Unknown e-mail address or wrong password; nobody is told which.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// Too many failed logins for one e-mail address.
    #[error("too many login attempts")]
    TooManyAttempts {
        /// Until the next one counts as the first.
        retry_after: Duration,
    },
    /// The account was suspended or deleted.
    #[error("account not active")]
    AccountNotActive,
    /// No such account, or not for the caller's eyes.
    #[error("user not found")]
    UserNotFound,
    /// The account shows its lists to accepted followers only.
    #[error("account private")]
    AccountPrivate,
    /// Nobody follows themselves.
    #[error("cannot follow oneself")]
    CannotFollowYourself,
    /// The caller blocks the account.
    #[error("blocked by the caller")]
    BlockedByYou,
    /// The caller follows as many accounts as one may.
    #[error("following limit reached")]
    FollowingLimitReached,
    /// Too many passwords are being checked.
    #[error("no capacity to hash a password")]
    Busy,
    /// A password hash could not be made or read.
    #[error("password hashing failed")]
    Hashing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A token could not be signed.
    #[error("token not signed")]
    Signing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// MongoDB.
    #[error("store failed")]
    Store(#[from] StoreError),
    /// Redis, where there is no way around it.
    #[error("cache failed")]
    Cache(#[from] CacheError),
}

impl Failure for AuthError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidFields(_) | Self::CannotFollowYourself => ErrorKind::Invalid,
            Self::EmailTaken
            | Self::UsernameTaken
            | Self::BlockedByYou
            | Self::FollowingLimitReached => ErrorKind::Conflict,
            Self::InvalidCredentials => ErrorKind::Unauthenticated,
            Self::TooManyAttempts { .. } => ErrorKind::RateLimited,
            Self::AccountNotActive => ErrorKind::Forbidden,
            Self::UserNotFound | Self::AccountPrivate => ErrorKind::NotFound,
            Self::Busy | Self::Cache(_) => ErrorKind::Unavailable,
            Self::Hashing(_) | Self::Signing(_) => ErrorKind::Internal,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InvalidFields(_) => "validation_failed",
            Self::EmailTaken => "email_taken",
            Self::UsernameTaken => "username_taken",
            Self::InvalidCredentials => "invalid_credentials",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::AccountNotActive => "account_not_active",
            Self::UserNotFound => "user_not_found",
            Self::AccountPrivate => "account_private",
            Self::CannotFollowYourself => "cannot_follow_yourself",
            Self::BlockedByYou => "blocked_by_you",
            Self::FollowingLimitReached => "following_limit_reached",
            Self::Busy => "busy",
            Self::Hashing(_) | Self::Signing(_) | Self::Store(_) | Self::Cache(_) => {
                self.kind().as_str()
            }
        }
    }

    fn public_message(&self) -> String {
        match self {
            Self::InvalidFields(_) => "the request breaks the rules of its fields",
            Self::EmailTaken => "an account with this e-mail address exists",
            Self::UsernameTaken => "an account with this username exists",
            Self::InvalidCredentials => "the e-mail address or the password is wrong",
            Self::TooManyAttempts { .. } => "too many failed logins, try again later",
            Self::AccountNotActive => "this account is not active",
            Self::UserNotFound => "there is no such user",
            Self::AccountPrivate => "this account shows its lists to its followers only",
            Self::CannotFollowYourself => "you cannot follow yourself",
            Self::BlockedByYou => "you block this account: unblock it first",
            Self::FollowingLimitReached => "you follow as many accounts as one may",
            Self::Busy => "too many logins at once, try again in a moment",
            Self::Hashing(_) | Self::Signing(_) => "the request could not be handled",
            Self::Store(_) | Self::Cache(_) => match self.kind() {
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

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyAttempts { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}
