//! Likes, and what people like things with.

use std::fmt;

use bson::Bson;
use serde::{Deserialize, Deserializer, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::{
    CommentId, Id, PostId, Timestamp, UserId,
    lenient::whole_number,
    rules::{RuleViolation, violation},
};

/// Longest reaction, in bytes: room for a family of four with skin tones.
pub const REACTION_MAX: usize = 64;

/// What somebody likes a thing with: one character as people count them, such
/// as an emoji (an extended grapheme cluster of UAX #29).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Reaction(String);

impl Reaction {
    /// Takes a reaction as a client sent it.
    pub fn parse(text: &str) -> Result<Self, RuleViolation> {
        let is_shown = |c: char| !c.is_control() && !c.is_whitespace();
        if text.graphemes(true).count() != 1
            || text.len() > REACTION_MAX
            || !text.chars().all(is_shown)
        {
            return violation("must be one emoji or character");
        }
        Ok(Self(text.to_owned()))
    }

    /// The character.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A red heart, as the predecessor had it.
impl Default for Reaction {
    fn default() -> Self {
        Self("❤️".to_owned())
    }
}

impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Reaction> for Bson {
    fn from(reaction: Reaction) -> Self {
        Self::String(reaction.0)
    }
}

/// An old document may hold anything; what is no reaction is the usual one.
impl<'de> Deserialize<'de> for Reaction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let parsed = text.and_then(|text| Self::parse(&text).ok());
        Ok(parsed.unwrap_or_default())
    }
}

/// Anything that can be liked. There is no value of it: it tells [`LikedId`]
/// from other ids.
#[derive(Debug)]
pub enum Likable {}

/// Identifies what is liked, whatever it is. No two things have the same id, so
/// that what somebody thinks of a thing is found without knowing its [`LikeType`].
pub type LikedId = Id<Likable>;

impl From<PostId> for LikedId {
    fn from(id: PostId) -> Self {
        id.oid().into()
    }
}

impl From<CommentId> for LikedId {
    fn from(id: CommentId) -> Self {
        id.oid().into()
    }
}

/// What a like is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LikeType {
    /// A post.
    #[default]
    Post,
    /// A reel.
    Reel,
    /// A comment.
    Comment,
}

impl From<LikeType> for Bson {
    fn from(kind: LikeType) -> Self {
        Self::String(
            match kind {
                LikeType::Post => "post",
                LikeType::Reel => "reel",
                LikeType::Comment => "comment",
            }
            .to_owned(),
        )
    }
}

/// Somebody likes something: a document of `likes`, with the predecessor's field
/// names. Likes of reels lie in the same collection and belong to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Like {
    /// The like.
    #[serde(rename = "_id")]
    pub id: Id<Like>,
    /// Who likes.
    pub user_id: UserId,
    /// What is liked. The field has its name from the time when that was a post.
    #[serde(rename = "post_id")]
    pub liked_id: LikedId,
    /// What that is.
    #[serde(rename = "type", default)]
    pub kind: LikeType,
    /// Since when; absent in some old documents, then read from `_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// With what.
    #[serde(default)]
    pub reaction: Reaction,
    /// The version of the job that it was last set by; 0 for an old document.
    #[serde(default, deserialize_with = "whole_number")]
    pub version: i64,
}

impl Like {
    /// Since when; an old document without the field tells by its `_id`.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        let from_id = || self.id.oid().timestamp().into();
        self.created_at.unwrap_or_else(from_id)
    }
}

#[cfg(test)]
mod tests {
    use bson::{DateTime, Document, doc, oid::ObjectId};

    use super::*;

    #[test]
    fn a_reaction_is_one_character_as_people_count_them() {
        for text in ["❤️", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "a", "é", "क्षि"]
        {
            assert_eq!(Reaction::parse(text).unwrap().as_str(), text);
        }
        let long = format!("a{}", "\u{301}".repeat(40));
        for text in ["", " ", "\n", "ab", "❤️❤️", "\u{7}", long.as_str()] {
            assert!(Reaction::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_type_is_looked_for_as_it_is_stored() {
        for kind in [LikeType::Post, LikeType::Reel, LikeType::Comment] {
            let stored = bson::serialize_to_bson(&kind).unwrap();
            assert_eq!(Bson::from(kind), stored);
        }
    }

    #[test]
    fn the_predecessors_likes_can_be_read() {
        let read = |document: Document| -> Like {
            let bytes = bson::serialize_to_vec(&document).unwrap();
            bson::deserialize_from_slice(&bytes).unwrap()
        };
        let [id, user_id, post_id] = [(); 3].map(|()| ObjectId::new());
        let like = read(doc! {
            "_id": id, "user_id": user_id, "post_id": post_id, "type": "post",
            "created_at": DateTime::from_millis(5), "__v": 0,
        });
        assert_eq!((like.version, like.reaction.as_str()), (0, "❤️"));
        assert_eq!(like.created_at(), Timestamp::from_millis(5));

        let like = read(doc! { "_id": id, "user_id": user_id, "post_id": post_id });
        assert_eq!(like.kind, LikeType::Post);
        assert_eq!(like.created_at(), id.timestamp().into());
    }
}
