//! `anufy.auth.v1`: accounts and sessions.

/// The generated messages, clients and servers.
#[expect(
    missing_docs,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    unused_qualifications,
    reason = "generated from proto/, which carries the documentation"
)]
pub mod v1 {
    tonic::include_proto!("anufy.auth.v1");
}

use domain::UserStatus;

impl From<UserStatus> for v1::UserStatus {
    fn from(status: UserStatus) -> Self {
        match status {
            UserStatus::Active => Self::Active,
            UserStatus::Suspended => Self::Suspended,
            UserStatus::Deleted => Self::Deleted,
        }
    }
}

impl From<&domain::User> for v1::User {
    fn from(user: &domain::User) -> Self {
        let created_at = user.created_at();
        Self {
            id: user.id.to_string(),
            username: user.username.clone(),
            full_name: user.full_name.clone(),
            bio: user.bio.clone(),
            avatar_url: user.avatar_url.clone(),
            is_verified: user.is_verified,
            is_private: user.is_private,
            is_shadow_banned: user.is_shadow_banned,
            status: v1::UserStatus::from(user.status).into(),
            followers_count: user.followers_count,
            following_count: user.following_count,
            posts_count: user.posts_count,
            created_at: Some(prost_types::Timestamp {
                seconds: created_at.as_secs(),
                nanos: i32::try_from(created_at.as_millis().rem_euclid(1000) * 1_000_000)
                    .unwrap_or(0),
            }),
        }
    }
}
