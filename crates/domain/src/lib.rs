//! The words of the product: identifiers, the documents that are stored, the
//! rules their values obey, and the nine kinds of error.
//!
//! No I/O, no async, no framework. Everything else depends on this crate, and
//! this crate depends on nothing of ours.

mod caption;
mod error_kind;
mod id;
mod lenient;
mod like;
mod post;
mod relations;
mod rules;
mod session;
mod timestamp;
mod user;
pub mod visibility;

pub use caption::{CAPTION_MAX, Caption, HASHTAGS_MAX, MENTIONS_MAX, fold_hashtag};
pub use error_kind::{Disposition, ErrorKind};
pub use id::{Id, InvalidId, PostId, SessionId, UserId};
pub use like::{Like, LikeType, REACTION_MAX, Reaction};
pub use post::{MediaType, Post};
pub use relations::{Block, BlockKind, Follow, FollowStatus};
pub use rules::{
    BIO_MAX, BirthDate, CAROUSEL, Email, FULL_NAME_MAX, LOCATION_MAX, MEDIA_URL_MAX, PASSWORD_MAX,
    PASSWORD_MIN, RuleViolation, USERNAME_MAX, USERNAME_MIN, Username, check_bio, check_full_name,
    check_location, check_media, check_media_url, check_password,
};
pub use session::Session;
pub use timestamp::Timestamp;
pub use user::{
    LimitSettings, NotificationSettings, PrivacySettings, Role, User, UserSettings, UserStatus,
};
