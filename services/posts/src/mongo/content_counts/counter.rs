use std::collections::HashMap;

use bson::{Bson, Document, doc};
use domain::{LikedId, PostId};
use futures_util::TryStreamExt;
use mongodb::{ClientSession, error::Result};
use serde::Deserialize;
use store::Store;

use crate::{
    likes::LikedKind,
    mongo::indexes::{COMMENTS, LIKES, SAVED_POSTS},
};

/// A field that says how much there is of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    Likes,
    Comments,
    Saves,
    Replies,
}

/// Whose counters are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) id: LikedId,
    /// Of a comment, what it is about.
    pub(crate) post_id: Option<PostId>,
}

#[derive(Deserialize)]
struct Count {
    #[serde(rename = "_id")]
    id: LikedId,
    count: i64,
}

impl Counter {
    /// Those that a post has, or a comment.
    pub(crate) const fn all_of(kind: LikedKind) -> &'static [Self] {
        match kind {
            LikedKind::Post => &[Self::Likes, Self::Comments, Self::Saves],
            LikedKind::Comment => &[Self::Likes, Self::Replies],
        }
    }

    /// Its name.
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Self::Likes => "likes_count",
            Self::Comments => "comments_count",
            Self::Saves => "saves_count",
            Self::Replies => "replies_count",
        }
    }

    /// What it should say of `counted`; where there is nothing, there is no entry.
    pub(super) async fn count(
        self,
        store: &Store,
        session: &mut ClientSession,
        counted: &[Counted],
    ) -> Result<HashMap<LikedId, i64>> {
        let documents = store.collection::<Document>(self.counts_in());
        let counts = documents.aggregate(self.pipeline(counted));
        let mut counts = counts.with_type::<Count>().session(&mut *session).await?;
        let counts = counts.stream(session);
        counts.map_ok(|it| (it.id, it.count)).try_collect().await
    }

    const fn counts_in(self) -> &'static str {
        match self {
            Self::Likes => LIKES,
            Self::Saves => SAVED_POSTS,
            Self::Comments | Self::Replies => COMMENTS,
        }
    }

    fn pipeline(self, counted: &[Counted]) -> Vec<Document> {
        let ids: Vec<LikedId> = counted.iter().map(|it| it.id).collect();
        let one_each = |by: &str| doc! { "$group": { "_id": by, "count": { "$sum": 1_i64 } } };
        match self {
            Self::Likes | Self::Saves => vec![
                doc! { "$match": { "post_id": { "$in": ids } } },
                one_each("$post_id"),
            ],
            Self::Replies => {
                let mut posts: Vec<PostId> = counted.iter().filter_map(|it| it.post_id).collect();
                posts.sort_unstable();
                posts.dedup();
                let replies = doc! {
                    "post_id": { "$in": posts },
                    "parent_id": { "$in": ids },
                    "deleted_at": Bson::Null,
                };
                vec![doc! { "$match": replies }, one_each("$parent_id")]
            }
            // Thread by thread: replies to what is deleted do not count.
            Self::Comments => {
                let thread = doc! { "$ifNull": ["$parent_id", "$_id"] };
                let is_first = doc! { "$cond": [{ "$gt": ["$parent_id", null] }, false, true] };
                vec![
                    doc! { "$match": { "post_id": { "$in": ids }, "deleted_at": Bson::Null } },
                    doc! { "$group": {
                        "_id": { "post": "$post_id", "thread": thread },
                        "count": { "$sum": 1_i64 },
                        "has_first": { "$max": is_first },
                    } },
                    doc! { "$match": { "has_first": true } },
                    doc! { "$group": { "_id": "$_id.post", "count": { "$sum": "$count" } } },
                ]
            }
        }
    }
}
