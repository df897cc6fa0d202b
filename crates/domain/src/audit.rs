use serde::{Deserialize, Serialize};

use crate::{CaseAction, Id, ReportId, Role, Target, TargetType, Timestamp, UserId, UserStatus};

/// Something that a moderator or an operator did: a document of `audit_log`,
/// which is only ever added to. It names accounts and things by their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The entry; later ones sort after earlier ones of the same process.
    #[serde(rename = "_id")]
    pub id: Id<AuditEntry>,
    /// Who did it; `None` is whoever operates the deployment.
    pub actor_id: Option<UserId>,
    /// What was done.
    #[serde(flatten)]
    pub act: Act,
    /// What kind of thing it was done to.
    pub target_type: TargetType,
    /// To which one.
    pub target_id: Id<Target>,
    /// The case that it was done about, if it was about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<ReportId>,
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// What can be done to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// An account was made, as an administrator.
    AdminCreated,
    /// What an account may do, or who sees it, was changed.
    AccountChanged {
        /// What it was.
        before: Standing,
        /// What it is.
        after: Standing,
    },
    /// A case was decided.
    CaseResolved {
        /// How.
        action: CaseAction,
    },
}

/// What moderators and administrators decide about an account; of a change,
/// only what it is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether it is hidden from everybody else without being told.
    #[serde(
        default,
        rename = "isShadowBanned",
        skip_serializing_if = "Option::is_none"
    )]
    pub is_shadow_banned: Option<bool>,
    /// Whether it carries the badge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_verified: Option<bool>,
    /// Whether it is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<UserStatus>,
    /// What it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

impl Standing {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether who sees what the account makes depends on it.
    #[must_use]
    pub fn decides_visibility(&self) -> bool {
        self.is_shadow_banned.is_some() || self.status.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_stored_flat_and_read_again() {
        let entry = AuditEntry {
            id: Id::generate(),
            actor_id: Some(UserId::generate()),
            act: Act::AccountChanged {
                before: Standing {
                    status: Some(UserStatus::Active),
                    ..Standing::default()
                },
                after: Standing {
                    status: Some(UserStatus::Suspended),
                    ..Standing::default()
                },
            },
            target_type: TargetType::User,
            target_id: Id::generate(),
            case_id: None,
            reason: Some("because".to_owned()),
            created_at: Timestamp::from_millis(1_000),
        };
        let stored = bson::serialize_to_document(&entry).unwrap();
        assert_eq!(stored.get_str("act").unwrap(), "account_changed");
        let after = stored.get_document("after").unwrap();
        assert_eq!(after, &bson::doc! { "status": "suspended" });
        let bytes = bson::serialize_to_vec(&entry).unwrap();
        let read: AuditEntry = bson::deserialize_from_slice(&bytes).unwrap();
        assert_eq!(read, entry);
    }
}
