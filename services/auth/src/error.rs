use std::time::Duration;

use cache::CacheError;
use contracts::kind_of;
use domain::ErrorKind;
use store::{RepeatError, StoreError};
use strum::{EnumDiscriminants, VariantArray};
use tonic::Status;
use web::{Code, CodeRow, Failure, FieldError};

/// What can go wrong in this service: one variant per thing a caller can act on.
#[derive(Debug, thiserror::Error, EnumDiscriminants)]
#[strum_discriminants(name(Refusal), derive(VariantArray), vis(pub(crate)))]
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
    /// The caller's own password is another one.
    #[error("wrong password")]
    WrongPassword,
    /// A token from a mail that is unknown, used or expired.
    #[error("invalid token")]
    InvalidToken,
    /// The caller has no such session.
    #[error("session not found")]
    SessionNotFound,
    /// The token of the predecessor is good for nothing any more.
    #[error("token not exchanged")]
    TokenNotExchanged,
    /// Too many failed logins, guesses, or requests for mails.
    #[error("too many attempts")]
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
    /// Nobody blocks themselves.
    #[error("cannot block oneself")]
    CannotBlockYourself,
    /// Nobody mutes themselves.
    #[error("cannot mute oneself")]
    CannotMuteYourself,
    /// The account does not ask to follow the caller.
    #[error("follow request not found")]
    FollowRequestNotFound,
    /// The caller blocks the account.
    #[error("blocked by the caller")]
    BlockedByYou,
    /// The caller follows as many accounts as one may.
    #[error("following limit reached")]
    FollowingLimitReached,
    /// Only moderators may do that, or only administrators.
    #[error("forbidden")]
    Forbidden,
    /// Nobody decides about themselves.
    #[error("cannot moderate oneself")]
    CannotModerateYourself,
    /// Nobody reports themselves, or what they made.
    #[error("cannot report oneself")]
    CannotReportYourself,
    /// Nothing like what is reported, or not for the caller's eyes.
    #[error("content not found")]
    ContentNotFound,
    /// No such report.
    #[error("report not found")]
    ReportNotFound,
    /// The case was decided before.
    #[error("report already resolved")]
    ReportAlreadyResolved,
    /// The caller has reported as much as one may in a day.
    #[error("report limit reached")]
    ReportLimitReached {
        /// Until the next one may be made.
        retry_after: Duration,
    },
    /// The key was used for something else.
    #[error("idempotency key reused")]
    IdempotencyKeyReused,
    /// posts did not answer, or not as agreed.
    #[error("posts failed")]
    Posts(#[source] Box<Status>),
    /// What another service says has no meaning here.
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
    /// An answer could not be written.
    #[error("answer not written")]
    Answer(#[from] serde_json::Error),
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

impl Refusal {
    /// The row of the table of codes; `None` for what is not the caller's
    /// doing, which has no code of its own.
    #[rustfmt::skip]
    const fn row(self) -> Option<CodeRow> {
        use ErrorKind::{Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable};
        Some(match self {
            Self::InvalidFields => Code::ValidationFailed.row(),
            Self::EmailTaken => CodeRow::of_kind(Conflict, "email_taken", "an account with this e-mail address exists"),
            Self::UsernameTaken => CodeRow::of_kind(Conflict, "username_taken", "an account with this username exists"),
            Self::InvalidCredentials => CodeRow::of_kind(Unauthenticated, "invalid_credentials", "the e-mail address or the password is wrong"),
            Self::WrongPassword => CodeRow::of_kind(Forbidden, "wrong_password", "this is not your password"),
            Self::InvalidToken => CodeRow::of_kind(Invalid, "invalid_token", "this link is not good any more, ask for another one"),
            Self::SessionNotFound => CodeRow::of_kind(NotFound, "session_not_found", "you have no such session"),
            Self::TokenNotExchanged => CodeRow::of_kind(Unauthenticated, "token_not_exchanged", "this login has ended, log in again"),
            Self::TooManyAttempts => CodeRow::of_kind(RateLimited, "too_many_attempts", "too many attempts, try again later"),
            Self::AccountNotActive => CodeRow::of_kind(Forbidden, "account_not_active", "this account is not active"),
            Self::UserNotFound => CodeRow::of_kind(NotFound, "user_not_found", "there is no such user"),
            Self::AccountPrivate => CodeRow::of_kind(NotFound, "account_private", "this account shows its lists to its followers only"),
            Self::CannotFollowYourself => CodeRow::of_kind(Invalid, "cannot_follow_yourself", "you cannot follow yourself"),
            Self::CannotBlockYourself => CodeRow::of_kind(Invalid, "cannot_block_yourself", "you cannot block yourself"),
            Self::CannotMuteYourself => CodeRow::of_kind(Invalid, "cannot_mute_yourself", "you cannot mute yourself"),
            Self::FollowRequestNotFound => CodeRow::of_kind(NotFound, "follow_request_not_found", "this account does not ask to follow you"),
            Self::BlockedByYou => CodeRow::of_kind(Conflict, "blocked_by_you", "you block this account: unblock it first"),
            Self::FollowingLimitReached => CodeRow::of_kind(Conflict, "following_limit_reached", "you follow as many accounts as one may"),
            Self::Forbidden => CodeRow::of_kind(Forbidden, Forbidden.as_str(), "you may not do that"),
            Self::CannotModerateYourself => CodeRow::of_kind(Invalid, "cannot_moderate_yourself", "nobody decides about their own account"),
            Self::CannotReportYourself => CodeRow::of_kind(Invalid, "cannot_report_yourself", "you cannot report yourself, or what you made"),
            Self::ContentNotFound => CodeRow::of_kind(NotFound, "content_not_found", "there is nothing like that to report"),
            Self::ReportNotFound => CodeRow::of_kind(NotFound, "report_not_found", "there is no such report"),
            Self::ReportAlreadyResolved => CodeRow::of_kind(Conflict, "report_already_resolved", "this was decided before"),
            Self::ReportLimitReached => CodeRow::of_kind(RateLimited, "report_limit_reached", "you have reported as much as one may in a day"),
            Self::IdempotencyKeyReused => CodeRow::of_kind(Invalid, "idempotency_key_reused", "this idempotency key was used for another request"),
            Self::Busy => CodeRow::of_kind(Unavailable, "busy", "too many logins at once, try again in a moment"),
            Self::Posts | Self::Unreadable | Self::Answer | Self::Hashing | Self::Signing | Self::Store | Self::Cache => return None,
        })
    }
}

impl AuthError {
    /// The codes that this service has of its own.
    #[must_use]
    pub fn codes() -> Vec<CodeRow> {
        let refusals = Refusal::VARIANTS.iter();
        refusals.filter_map(|refusal| refusal.row()).collect()
    }

    /// What failed, where that is not the caller's doing.
    fn cause(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Cache(_) => ErrorKind::Unavailable,
            Self::Posts(status) => match kind_of(status) {
                // What we asked is wrong.
                ErrorKind::Invalid | ErrorKind::Unauthenticated => ErrorKind::Internal,
                _ => ErrorKind::Unavailable,
            },
            _ => ErrorKind::Internal,
        }
    }
}

impl Failure for AuthError {
    fn row(&self) -> CodeRow {
        let own = Refusal::from(self).row();
        own.unwrap_or_else(|| CodeRow::failed(self.cause()))
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::InvalidFields(fields) => fields.clone(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyAttempts { retry_after } | Self::ReportLimitReached { retry_after } => {
                Some(*retry_after)
            }
            _ => None,
        }
    }
}

impl From<RepeatError> for AuthError {
    fn from(error: RepeatError) -> Self {
        match error {
            RepeatError::KeyReused => Self::IdempotencyKeyReused,
            RepeatError::Store(error) => error.into(),
        }
    }
}
