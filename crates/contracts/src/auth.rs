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

use domain::{
    InvalidId, Role, UserId, UserStatus,
    visibility::{Author, Relation, Viewer},
};

use crate::timestamp;

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
            created_at: Some(timestamp(user.created_at())),
            role: v1::UserRole::from(user.role).into(),
        }
    }
}

impl From<v1::UserStatus> for UserStatus {
    /// A status that this side does not know hides the account.
    fn from(status: v1::UserStatus) -> Self {
        match status {
            v1::UserStatus::Active => Self::Active,
            v1::UserStatus::Suspended => Self::Suspended,
            v1::UserStatus::Deleted | v1::UserStatus::Unspecified => Self::Deleted,
        }
    }
}

impl From<Role> for v1::UserRole {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Moderator => Self::Moderator,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<v1::UserRole> for Role {
    /// A role that this side does not know may do nothing special.
    fn from(role: v1::UserRole) -> Self {
        match role {
            v1::UserRole::User | v1::UserRole::Unspecified => Self::User,
            v1::UserRole::Moderator => Self::Moderator,
            v1::UserRole::Admin => Self::Admin,
        }
    }
}

impl From<Relation> for v1::Relation {
    fn from(relation: Relation) -> Self {
        Self {
            following: relation.following,
            requested: relation.requested,
            followed_by: relation.followed_by,
            blocking: relation.blocking,
            blocked_by: relation.blocked_by,
            muting: relation.muting,
        }
    }
}

impl From<v1::Relation> for Relation {
    fn from(relation: v1::Relation) -> Self {
        Self {
            following: relation.following,
            requested: relation.requested,
            followed_by: relation.followed_by,
            blocking: relation.blocking,
            blocked_by: relation.blocked_by,
            muting: relation.muting,
        }
    }
}

impl v1::User {
    /// What decides who sees what the account makes.
    pub fn as_author(&self) -> Result<Author, InvalidId> {
        Ok(Author {
            id: self.id.parse()?,
            status: self.status().into(),
            is_shadow_banned: self.is_shadow_banned,
            is_private: self.is_private,
        })
    }
}

impl v1::Viewer {
    /// The account `id` as somebody who looks.
    #[must_use]
    pub fn as_viewer(&self, id: UserId) -> Viewer {
        Viewer {
            id,
            role: self.role().into(),
        }
    }
}
