use bus::BusError;
use cache::CacheError;
use contracts::kind_of;
use domain::ErrorKind;
use store::{RepeatError, StoreError};
use strum::{EnumDiscriminants, VariantArray};
use tonic::Status;
use web::{Code, CodeRow, Failure, Faults, FieldError};

/// What can go wrong in this service: one variant per thing a caller can act on.
#[derive(Debug, thiserror::Error, EnumDiscriminants)]
#[strum_discriminants(name(Refusal), derive(VariantArray), vis(pub(crate)))]
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
    /// No such comment, or not for the caller's eyes.
    #[error("comment not found")]
    CommentNotFound,
    /// Only its author may do that, or whose post it is on.
    #[error("not the caller's comment")]
    NotYourComment,
    /// Replies have no replies.
    #[error("reply to a reply")]
    ReplyTooDeep,
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

impl Refusal {
    /// The row of the table of codes; `None` for what is not the caller's
    /// doing, which has no code of its own.
    #[rustfmt::skip]
    const fn row(self) -> Option<CodeRow> {
        use ErrorKind::{Forbidden, Invalid, NotFound};
        Some(match self {
            Self::InvalidFields => Code::ValidationFailed.row(),
            Self::AccountNotActive => CodeRow::of_kind(Forbidden, "account_not_active", "this account is not active"),
            Self::PostNotFound => CodeRow::of_kind(NotFound, "post_not_found", "there is no such post"),
            Self::NotYourPost => CodeRow::of_kind(Forbidden, "not_your_post", "only its author may do that"),
            Self::CommentNotFound => CodeRow::of_kind(NotFound, "comment_not_found", "there is no such comment"),
            Self::NotYourComment => CodeRow::of_kind(Forbidden, "not_your_comment", "only its author may do that, or whose post it is on"),
            Self::ReplyTooDeep => CodeRow::of_kind(Invalid, "reply_too_deep", "what is a reply itself cannot be replied to"),
            Self::UserNotFound => CodeRow::of_kind(NotFound, "user_not_found", "there is no such user"),
            Self::AccountPrivate => CodeRow::of_kind(NotFound, "account_private", "the posts of this account are for its followers"),
            Self::IdempotencyKeyReused => CodeRow::of_kind(Invalid, "idempotency_key_reused", "this idempotency key was used for another request"),
            Self::Store | Self::Queue | Self::Cache | Self::Unreadable | Self::Auth | Self::Answer => return None,
        })
    }
}

impl PostError {
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
            Self::Queue(_) => ErrorKind::Unavailable,
            Self::Cache(error) => error.kind(),
            Self::Unreadable(_) => ErrorKind::Invalid,
            Self::Auth(status) => match kind_of(status) {
                // What we asked is wrong.
                ErrorKind::Invalid | ErrorKind::Unauthenticated => ErrorKind::Internal,
                _ => ErrorKind::Unavailable,
            },
            _ => ErrorKind::Internal,
        }
    }
}

impl Failure for PostError {
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
