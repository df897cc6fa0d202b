use serde::{Deserialize, Serialize};

use crate::{
    Timestamp, UserId,
    lenient::{null_as_default, whole_number},
    visibility::Author,
};

/// An account: a document of `users`, with the predecessor's field names.
///
/// Old documents lack most fields; everything but `_id` and `username` has a
/// default, so that any of them can be read.
#[derive(Clone, Serialize, Deserialize)]
pub struct User {
    /// The account.
    #[serde(rename = "_id")]
    pub id: UserId,
    /// As the person wrote it.
    pub username: String,
    /// As the person wrote it. Private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// An argon2id hash in PHC form, or the predecessor's bcrypt. Never leaves `auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The name shown.
    #[serde(default, deserialize_with = "null_as_default")]
    pub full_name: String,
    /// A few words about themselves.
    #[serde(default, deserialize_with = "null_as_default")]
    pub bio: String,
    /// Where the picture is.
    #[serde(default)]
    pub avatar_url: Option<String>,
    /// Carries the badge.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_verified: bool,
    /// Hidden from everybody else without being told.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        rename = "isShadowBanned"
    )]
    pub is_shadow_banned: bool,
    /// How many follow this account.
    #[serde(default, deserialize_with = "whole_number")]
    pub followers_count: i64,
    /// How many this account follows.
    #[serde(default, deserialize_with = "whole_number")]
    pub following_count: i64,
    /// How many posts are visible to followers.
    #[serde(default, deserialize_with = "whole_number")]
    pub posts_count: i64,
    /// Which of the counts that posts announces `posts_count` is.
    #[serde(default, deserialize_with = "whole_number")]
    pub posts_count_version: i64,
    /// What the person chose.
    #[serde(default, deserialize_with = "null_as_default")]
    pub settings: UserSettings,
    /// When the account was made; absent in some old documents, then read from `_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Birth date at midnight UTC. Private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dob: Option<Timestamp>,
    /// What the account may do.
    #[serde(default, deserialize_with = "null_as_default")]
    pub role: Role,
    /// Posts are for accepted followers only.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_private: bool,
    /// Whether the account is in use.
    #[serde(default, deserialize_with = "null_as_default")]
    pub status: UserStatus,
    /// `username`, lowercased: unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_lower: Option<String>,
    /// `email`, lowercased: unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_lower: Option<String>,
    /// The words of its names, folded, by which the account is found.
    #[serde(default, deserialize_with = "null_as_default")]
    pub search_words: Vec<String>,
    /// Tokens issued before this moment are dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_valid_after: Option<Timestamp>,
    /// When anything in the document last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// When a login last began. Written in the transaction of every login, so
    /// that one cannot slip by a change that ends all logins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<Timestamp>,
    /// When the person showed that mail to the address arrives, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified_at: Option<Timestamp>,
    /// When its owner deleted the account, while it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// When the erasure of a deleted account began: nothing brings it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasure_began_at: Option<Timestamp>,
}

impl User {
    /// When the account was made; an old document without the field tells by its `_id`.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
            .unwrap_or_else(|| self.id.oid().timestamp().into())
    }

    /// What decides who sees the account and what it makes.
    #[must_use]
    pub fn as_author(&self) -> Author {
        Author {
            id: self.id,
            status: self.status,
            is_shadow_banned: self.is_shadow_banned,
            is_private: self.is_private,
        }
    }

    /// Whether the account may log in and act.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == UserStatus::Active
    }
}

impl std::fmt::Debug for User {
    /// Names the account only: the rest is personal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What an account may do beyond its own things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Its own things only.
    #[default]
    User,
    /// Works the moderation queue.
    Moderator,
    /// Everything.
    Admin,
}

/// Whether an account is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Logs in and is seen.
    #[default]
    Active,
    /// Locked by a moderator: cannot log in, is not seen.
    Suspended,
    /// Deleted by its owner; erased after the grace period.
    Deleted,
}

/// The choices of an account. Unknown keys of old documents are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserSettings {
    /// Who may see and reach the account.
    pub privacy: PrivacySettings,
    /// What it is told about.
    pub notifications: NotificationSettings,
    /// Limits the person set for themselves.
    pub limits: LimitSettings,
}

/// Who may see and reach an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrivacySettings {
    /// Others see when the account is online.
    pub show_online: bool,
    /// Strangers may start a conversation.
    pub allow_messages: bool,
}

impl Default for PrivacySettings {
    fn default() -> Self {
        Self {
            show_online: true,
            allow_messages: true,
        }
    }
}

/// What an account is notified of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the app, and a field of the stored document"
)]
pub struct NotificationSettings {
    /// Likes of own posts, reels and comments.
    pub likes: bool,
    /// Comments and replies.
    pub comments: bool,
    /// New followers and follow requests.
    pub follows: bool,
    /// Mentions in captions and comments.
    pub mentions: bool,
    /// Messages while offline.
    pub messages: bool,
}

impl Default for NotificationSettings {
    fn default() -> Self {
        Self {
            likes: true,
            comments: true,
            follows: true,
            mentions: true,
            messages: true,
        }
    }
}

/// Limits a person set for themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitSettings {
    /// Minutes a day after which clients remind; none means no reminder.
    pub daily_minutes: Option<u32>,
}

#[cfg(test)]
mod tests {
    use bson::{doc, oid::ObjectId};

    use super::*;

    #[test]
    fn an_old_document_with_nulls_and_doubles_can_be_read() {
        let old = doc! {
            "_id": ObjectId::new(), "username": "ana", "bio": null, "settings": null,
            "isShadowBanned": null, "followers_count": 3.0, "posts_count": 7_i32, "__v": 0,
        };
        let user: User =
            bson::deserialize_from_slice(&bson::serialize_to_vec(&old).unwrap()).unwrap();
        assert_eq!(
            (user.followers_count, user.following_count, user.posts_count),
            (3, 0, 7)
        );
        assert_eq!(user.settings, UserSettings::default());
        assert_eq!(
            user.created_at(),
            Timestamp::from(user.id.oid().timestamp())
        );
    }

    #[test]
    fn what_it_writes_it_can_read() {
        let old = doc! { "_id": ObjectId::new(), "username": "ana", "followers_count": 1_i64 };
        let user: User =
            bson::deserialize_from_slice(&bson::serialize_to_vec(&old).unwrap()).unwrap();
        let again: User =
            bson::deserialize_from_slice(&bson::serialize_to_vec(&user).unwrap()).unwrap();
        assert_eq!((again.id, again.followers_count), (user.id, 1));
    }
}
