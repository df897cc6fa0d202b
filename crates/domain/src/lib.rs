//! The words of the product: identifiers, the documents that are stored, the
//! rules their values obey, and the nine kinds of error.
//!
//! No I/O, no async, no framework. Everything else depends on this crate, and
//! this crate depends on nothing of ours.

mod audit;
mod caption;
mod comment;
mod error_kind;
mod id;
mod lenient;
mod like;
mod password;
mod post;
mod relations;
mod report;
mod rules;
mod search_words;
mod session;
mod timestamp;
mod user;
pub mod visibility;

pub use audit::{Act, AuditEntry, Standing};
pub use caption::{CAPTION_MAX, Caption, HASHTAGS_MAX, MENTIONS_MAX, fold_hashtag};
pub use comment::Comment;
pub use error_kind::{Disposition, ErrorKind};
pub use id::{CommentId, Id, InvalidId, PostId, SessionId, UserId};
pub use like::{Likable, Like, LikeType, LikedId, REACTION_MAX, Reaction};
pub use password::{PASSWORD_MAX, PASSWORD_MIN, check_password};
pub use post::{MediaType, Post};
pub use relations::{Block, BlockKind, Follow, FollowStatus};
pub use report::{
    CaseAction, CaseStatus, Evidence, REMARK_MAX, Report, ReportCase, ReportId, ReportReason,
    Resolution, Target, TargetType, check_remark,
};
pub use rules::{
    BIO_MAX, BirthDate, CAROUSEL, Email, FULL_NAME_MAX, LOCATION_MAX, MEDIA_URL_MAX, RuleViolation,
    USERNAME_MAX, USERNAME_MIN, Username, check_bio, check_full_name, check_location, check_media,
    check_media_url,
};
pub use search_words::{SEARCH_WORD_MAX, SEARCH_WORDS_MAX, search_words};
pub use session::Session;
pub use timestamp::Timestamp;
pub use user::{
    LimitSettings, NotificationSettings, PrivacySettings, Role, User, UserSettings, UserStatus,
};
