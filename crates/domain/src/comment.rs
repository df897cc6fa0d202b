use serde::{Deserialize, Serialize};

use crate::{
    CommentId, PostId, Timestamp, UserId,
    lenient::{null_as_default, whole_number},
};

/// What somebody says about a post, or replies to a comment: a document of
/// `comments`. A reply is to a comment of the same post that is no reply itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The comment.
    #[serde(rename = "_id")]
    pub id: CommentId,
    /// What it is about.
    pub post_id: PostId,
    /// Whose it is.
    pub user_id: UserId,
    /// The comment that it replies to. What is deleted there takes it along.
    #[serde(default)]
    pub parent_id: Option<CommentId>,
    /// The text.
    #[serde(default, deserialize_with = "null_as_default")]
    pub content: String,
    /// How many like it.
    #[serde(default, deserialize_with = "whole_number")]
    pub likes_count: i64,
    /// How many replies it has that are not deleted.
    #[serde(default, deserialize_with = "whole_number")]
    pub replies_count: i64,
    /// The usernames mentioned in the text, folded, without `@`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub mentions: Vec<String>,
    /// When it was written; if it is absent, read from `_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was taken away; from then on it is there for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

impl Comment {
    /// When it was written; a document without the field tells by its `_id`.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
            .unwrap_or_else(|| self.id.oid().timestamp().into())
    }
}

#[cfg(test)]
mod tests {
    use bson::{doc, oid::ObjectId};

    use super::*;

    #[test]
    fn a_document_with_holes_can_be_read() {
        let bare = doc! {
            "_id": ObjectId::new(), "post_id": ObjectId::new(), "user_id": ObjectId::new(),
            "content": "so true", "likes_count": 2.0,
        };
        let bytes = bson::serialize_to_vec(&bare).unwrap();
        let comment: Comment = bson::deserialize_from_slice(&bytes).unwrap();
        assert_eq!((comment.likes_count, comment.replies_count), (2, 0));
        assert_eq!((comment.parent_id, comment.deleted_at), (None, None));
        let by_id = Timestamp::from(comment.id.oid().timestamp());
        assert_eq!(comment.created_at(), by_id);
    }
}
