//! The words of the product: identifiers, the documents that are stored, the
//! rules their values obey, and the nine kinds of error.
//!
//! No I/O, no async, no framework. Everything else depends on this crate, and
//! this crate depends on nothing of ours.

mod error_kind;
mod id;
mod rules;
mod session;
mod timestamp;
mod user;

pub use error_kind::{Disposition, ErrorKind};
pub use id::{Id, InvalidId, SessionId, UserId};
pub use rules::{
    AVATAR_URL_MAX, BIO_MAX, BirthDate, Email, FULL_NAME_MAX, PASSWORD_MAX, PASSWORD_MIN,
    RuleViolation, USERNAME_MAX, USERNAME_MIN, Username, check_avatar_url, check_bio,
    check_full_name, check_password,
};
pub use session::Session;
pub use timestamp::Timestamp;
pub use user::{
    LimitSettings, NotificationSettings, PrivacySettings, Role, User, UserSettings, UserStatus,
};
