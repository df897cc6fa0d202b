use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    str::FromStr,
};

use bson::{Bson, oid::ObjectId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Comment, Post, Session, User};

/// The identifier of a `T`: a MongoDB `ObjectId` that cannot be taken for the
/// identifier of anything else.
///
/// In BSON it is an `ObjectId`; in JSON, URLs and logs, 24 lowercase hex digits.
pub struct Id<T> {
    oid: ObjectId,
    kind: PhantomData<fn() -> T>,
}

/// Identifies an account.
pub type UserId = Id<User>;
/// Identifies a post.
pub type PostId = Id<Post>;
/// Identifies a comment.
pub type CommentId = Id<Comment>;
/// Identifies a login of an account on one device.
pub type SessionId = Id<Session>;

/// The text is not 24 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 24 hex digits")]
pub struct InvalidId;

impl<T> Id<T> {
    /// A fresh identifier; ids made later by one process sort after earlier ones.
    #[must_use]
    pub fn generate() -> Self {
        Self::from(ObjectId::new())
    }

    /// The `ObjectId` for a driver call.
    #[must_use]
    pub const fn oid(self) -> ObjectId {
        self.oid
    }
}

impl<T> From<ObjectId> for Id<T> {
    fn from(oid: ObjectId) -> Self {
        Self {
            oid,
            kind: PhantomData,
        }
    }
}

impl<T> From<Id<T>> for Bson {
    fn from(id: Id<T>) -> Self {
        Self::ObjectId(id.oid)
    }
}

impl<T> FromStr for Id<T> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        ObjectId::parse_str(text).map(Self::from).or(Err(InvalidId))
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.oid == other.oid
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.oid.cmp(&other.oid)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.oid.hash(state);
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.oid, f)
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.oid, f)
    }
}

impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&self.oid)
        } else {
            self.oid.serialize(serializer)
        }
    }
}

impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?
                .parse()
                .map_err(de::Error::custom)
        } else {
            ObjectId::deserialize(deserializer).map(Self::from)
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Document {
        #[serde(rename = "_id")]
        id: UserId,
    }

    #[test]
    fn is_an_object_id_in_bson_and_hex_in_json() {
        let id = UserId::generate();

        let stored = bson::serialize_to_vec(&Document { id }).unwrap();
        let seen: bson::Document = bson::deserialize_from_slice(&stored).unwrap();
        assert_eq!(seen, doc! { "_id": id.oid() });
        assert_eq!(
            bson::deserialize_from_slice::<Document>(&stored)
                .unwrap()
                .id,
            id
        );

        let json = serde_json::to_string(&Document { id }).unwrap();
        assert_eq!(json, format!("{{\"_id\":\"{}\"}}", id.oid().to_hex()));
        assert_eq!(serde_json::from_str::<Document>(&json).unwrap().id, id);
    }

    #[test]
    fn refuses_what_is_not_24_hex_digits() {
        for text in [
            "",
            "1",
            "zzzzzzzzzzzzzzzzzzzzzzzz",
            "65f0c0ffee65f0c0ffee65f0a",
        ] {
            assert_eq!(text.parse::<UserId>(), Err(InvalidId), "{text}");
        }
    }
}
