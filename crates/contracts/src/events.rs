//! `anufy.events.v1`: what services tell each other without being asked.

/// The generated messages.
#[expect(
    missing_docs,
    clippy::pedantic,
    reason = "generated from proto/, which carries the documentation"
)]
pub mod v1 {
    tonic::include_proto!("anufy.events.v1");
}

use bson::oid::ObjectId;
use domain::Timestamp;
use prost::Message;

use crate::{
    timestamp,
    topology::{
        BLOCK_CHANGED, CONTENT_REMOVED, FOLLOW_CHANGED, POST_CREATED, POST_DELETED, POST_EDITED,
        POSTS_COUNTED, USER_CHANGED, USER_ERASED,
    },
};
use v1::event::Fact;

impl v1::Event {
    /// The event `id` of something that happened at `at`.
    #[must_use]
    pub fn new(id: ObjectId, at: Timestamp, fact: Fact) -> Self {
        Self {
            id: id.to_hex(),
            occurred_at: Some(timestamp(at)),
            fact: Some(fact),
        }
    }

    /// The bytes that travel.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Reads what travelled; a fact that this side does not know is `None` in `fact`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Self::decode(bytes)
    }
}

impl Fact {
    /// The key under which it is published on `anufy.events`.
    #[must_use]
    pub fn routing_key(&self) -> &'static str {
        match self {
            Self::UserChanged(_) => USER_CHANGED,
            Self::FollowChanged(_) => FOLLOW_CHANGED,
            Self::BlockChanged(_) => BLOCK_CHANGED,
            Self::UserErased(_) => USER_ERASED,
            Self::ContentRemoved(_) => CONTENT_REMOVED,
            Self::PostCreated(_) => POST_CREATED,
            Self::PostEdited(_) => POST_EDITED,
            Self::PostDeleted(_) => POST_DELETED,
            Self::PostsCounted(_) => POSTS_COUNTED,
        }
    }
}
