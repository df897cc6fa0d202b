//! What clients see.

use actix_web::{HttpRequest, http::header::USER_AGENT};
use domain::{Role, Timestamp, User, UserId, UserSettings};
use serde::Serialize;
use web::actix_web;

use crate::{
    follows::Standing,
    relations::Related,
    sessions::{Device, LoggedIn},
};

/// An account as everybody may see it.
#[derive(Serialize)]
pub(crate) struct UserView {
    #[serde(rename = "_id")]
    id: UserId,
    username: String,
    full_name: String,
    bio: String,
    avatar_url: Option<String>,
    is_verified: bool,
    is_private: bool,
    followers_count: i64,
    following_count: i64,
    posts_count: i64,
    created_at: Timestamp,
}

/// Another account, with what is between it and the caller.
#[derive(Serialize)]
pub(crate) struct OtherUserView {
    #[serde(flatten)]
    user: UserView,
    relation: RelationView,
}

/// What is between the caller and an account. Whether it blocks the caller is
/// not told.
#[derive(Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, as clients read it"
)]
struct RelationView {
    following: bool,
    followed_by: bool,
    requested: bool,
    blocking: bool,
    muting: bool,
}

/// The answer to a follow or its end.
#[derive(Serialize)]
pub(crate) struct StandingView {
    following: bool,
    requested: bool,
}

/// The caller's own account.
#[derive(Serialize)]
pub(crate) struct OwnUserView {
    #[serde(flatten)]
    user: UserView,
    email: Option<String>,
    /// Whether mail to it was shown to arrive.
    email_verified: bool,
    /// `YYYY-MM-DD`.
    dob: Option<String>,
    role: Role,
    settings: UserSettings,
}

/// The answer to a registration or a login.
#[derive(Serialize)]
pub(crate) struct LoggedInView {
    token: String,
    token_type: &'static str,
    expires_at: Timestamp,
    user: OwnUserView,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            created_at: user.created_at(),
            id: user.id,
            username: user.username,
            full_name: user.full_name,
            bio: user.bio,
            avatar_url: user.avatar_url,
            is_verified: user.is_verified,
            is_private: user.is_private,
            followers_count: user.followers_count,
            following_count: user.following_count,
            posts_count: user.posts_count,
        }
    }
}

impl From<Related> for OtherUserView {
    fn from(related: Related) -> Self {
        let relation = related.relation;
        Self {
            user: related.user.into(),
            relation: RelationView {
                following: relation.following,
                followed_by: relation.followed_by,
                requested: relation.requested,
                blocking: relation.blocking,
                muting: relation.muting,
            },
        }
    }
}

impl From<Standing> for StandingView {
    fn from(standing: Standing) -> Self {
        Self {
            following: standing.following,
            requested: standing.requested,
        }
    }
}

impl From<User> for OwnUserView {
    fn from(user: User) -> Self {
        Self {
            email: user.email.clone(),
            email_verified: user.email_verified_at.is_some(),
            dob: user.dob.map(|dob| dob.date().to_string()),
            role: user.role,
            settings: user.settings.clone(),
            user: user.into(),
        }
    }
}

impl From<LoggedIn> for LoggedInView {
    fn from(logged_in: LoggedIn) -> Self {
        Self {
            token: logged_in.token,
            token_type: "Bearer",
            expires_at: logged_in.expires_at,
            user: logged_in.user.into(),
        }
    }
}

/// What a request tells about the device that logs in. The address is what
/// the gateway found, the last entry of `X-Forwarded-For`.
pub(crate) fn device(request: &HttpRequest) -> Device {
    let header = |name: &str| {
        let value = request.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    Device {
        user_agent: header(USER_AGENT.as_str()),
        ip: header("x-forwarded-for")
            .and_then(|list| list.rsplit(',').next().map(|ip| ip.trim().to_owned())),
    }
}
