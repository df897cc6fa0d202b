use bson::Bson;
use serde::{Deserialize, Serialize};

use crate::{Id, Timestamp, UserId};

/// One account follows another, or has asked to: a document of `follows`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The edge; later ones sort after earlier ones of the same process.
    #[serde(rename = "_id")]
    pub id: Id<Follow>,
    /// Who follows.
    pub follower_id: UserId,
    /// Who is followed.
    pub followee_id: UserId,
    /// Whether the followed account has agreed.
    pub status: FollowStatus,
    /// Since when.
    pub created_at: Timestamp,
}

/// Whether a follow is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FollowStatus {
    /// In force.
    Accepted,
    /// A private account has been asked.
    Pending,
}

impl From<FollowStatus> for Bson {
    /// As it is stored, for filters.
    fn from(status: FollowStatus) -> Self {
        let word = match status {
            FollowStatus::Accepted => "accepted",
            FollowStatus::Pending => "pending",
        };
        Self::String(word.to_owned())
    }
}

/// One account does not want to see another: a document of `blocks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The wish.
    #[serde(rename = "_id")]
    pub id: Id<Block>,
    /// Whose wish it is.
    pub user_id: UserId,
    /// Whom it concerns.
    pub blocked_id: UserId,
    /// How far it goes.
    pub kind: BlockKind,
    /// Since when.
    pub created_at: Timestamp,
}

/// How far a block goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// Neither sees the other.
    Block,
    /// The muted account does not turn up where it was not looked for. It is
    /// not told.
    Mute,
}

impl From<BlockKind> for Bson {
    /// As it is stored, for filters.
    fn from(kind: BlockKind) -> Self {
        let word = match kind {
            BlockKind::Block => "block",
            BlockKind::Mute => "mute",
        };
        Self::String(word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_says_what_is_stored() {
        for status in [FollowStatus::Accepted, FollowStatus::Pending] {
            assert_eq!(
                bson::serialize_to_bson(&status).unwrap(),
                Bson::from(status)
            );
        }
        for kind in [BlockKind::Block, BlockKind::Mute] {
            assert_eq!(bson::serialize_to_bson(&kind).unwrap(), Bson::from(kind));
        }
    }
}
