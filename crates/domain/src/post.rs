use serde::{Deserialize, Serialize};

use crate::{
    PostId, Timestamp, UserId,
    lenient::{null_as_default, whole_number},
};

/// A post: a document of `posts`, with the predecessor's field names.
///
/// Old documents lack what came later; everything but `_id` and `user_id` has
/// a default, so that any of them can be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// The post.
    #[serde(rename = "_id")]
    pub id: PostId,
    /// Whose it is.
    pub user_id: UserId,
    /// The text.
    #[serde(default, deserialize_with = "null_as_default")]
    pub caption: String,
    /// Where the pictures and videos are, in their order.
    #[serde(default, deserialize_with = "null_as_default")]
    pub media_urls: Vec<String>,
    /// What it shows.
    #[serde(default, deserialize_with = "null_as_default")]
    pub media_type: MediaType,
    /// How many like it.
    #[serde(default, deserialize_with = "whole_number")]
    pub likes_count: i64,
    /// How many comments it has.
    #[serde(default, deserialize_with = "whole_number")]
    pub comments_count: i64,
    /// How many have saved it.
    #[serde(default, deserialize_with = "whole_number")]
    pub saves_count: i64,
    /// The hashtags of the text, folded, without `#`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub hashtags: Vec<String>,
    /// The usernames mentioned in the text, folded, without `@`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub mentions: Vec<String>,
    /// The place, in the author's words.
    #[serde(default)]
    pub location: Option<String>,
    /// When it was posted; absent in some old documents, then read from `_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When the author last changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// When the author deleted it; from then on it is there for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

impl Post {
    /// When it was posted; an old document without the field tells by its `_id`.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
            .unwrap_or_else(|| self.id.oid().timestamp().into())
    }
}

/// What a post shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaType {
    /// Words only.
    #[default]
    Text,
    /// One picture.
    Image,
    /// One video.
    Video,
    /// Several pictures or videos.
    Carousel,
}

#[cfg(test)]
mod tests {
    use bson::{doc, oid::ObjectId};

    use super::*;

    #[test]
    fn an_old_document_with_holes_can_be_read() {
        let old = doc! {
            "_id": ObjectId::new(), "user_id": ObjectId::new(), "caption": null,
            "media_urls": null, "likes_count": 3.0, "__v": 0,
        };
        let post: Post =
            bson::deserialize_from_slice(&bson::serialize_to_vec(&old).unwrap()).unwrap();
        assert_eq!(
            (post.likes_count, post.media_type, post.deleted_at),
            (3, MediaType::Text, None)
        );
        assert_eq!(
            post.created_at(),
            Timestamp::from(post.id.oid().timestamp())
        );
    }
}
