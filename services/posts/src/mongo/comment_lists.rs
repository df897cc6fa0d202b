//! Comments as lists: those of a post the newest first, and the replies to one
//! as a conversation, the oldest first.

use bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use domain::{Comment, CommentId, PostId, Timestamp};
use futures_util::TryStreamExt;
use mongodb::options::Hint;
use serde::{Deserialize, Serialize};
use store::{StoreError, readable};

use super::{
    CommentStore,
    comments::operation,
    indexes::{COMMENTS, THREAD_NEWEST},
};

/// Where a comment stands in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommentPosition(pub(crate) Timestamp, pub(crate) CommentId);

/// A list of comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommentList {
    pub(crate) post_id: PostId,
    /// `None`: those that reply to none.
    pub(crate) parent_id: Option<CommentId>,
}

/// Some of a list of comments, in its order.
pub(crate) struct CommentChunk {
    pub(crate) comments: Vec<Comment>,
    /// Whether nothing comes after them.
    pub(crate) is_end: bool,
}

impl CommentPosition {
    pub(crate) fn of(comment: &Comment) -> Self {
        Self(comment.created_at(), comment.id)
    }
}

impl CommentList {
    fn is_newest_first(self) -> bool {
        self.parent_id.is_none()
    }

    fn filter(self, after: Option<CommentPosition>) -> Document {
        let mut filter = doc! {
            "post_id": self.post_id,
            "parent_id": self.parent_id,
            "deleted_at": Bson::Null,
        };
        let (onwards, back) = if self.is_newest_first() {
            ("$lte", "$gte")
        } else {
            ("$gte", "$lte")
        };
        if let Some(CommentPosition(created_at, id)) = after {
            filter.insert("created_at", doc! { onwards: created_at });
            // Not `$or`, for which the planner would give up the order of the index.
            let before = doc! { "created_at": created_at, "_id": { back: id } };
            filter.insert("$nor", vec![before]);
        } else {
            filter.insert("created_at", doc! { "$lte": DateTime::MAX });
        }
        filter
    }

    fn order(self) -> Document {
        let direction = if self.is_newest_first() { -1 } else { 1 };
        doc! { "created_at": direction, "_id": direction }
    }
}

impl CommentStore {
    /// The first of a list of comments, at most `limit`, those after a position
    /// if one is given.
    pub(crate) async fn page(
        &self,
        list: CommentList,
        after: Option<CommentPosition>,
        limit: usize,
    ) -> Result<CommentChunk, StoreError> {
        let documents = self.documents.clone();
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = async move {
            let find = documents.find(list.filter(after)).sort(list.order());
            let find = find.hint(Hint::Name(THREAD_NEWEST.to_owned()));
            find.limit(most).await?.try_collect().await
        };
        let found: Vec<RawDocumentBuf> = self.store.run(operation("page"), find).await?;
        let comments = found.iter().filter_map(|raw| readable(COMMENTS, raw));
        let comments: Vec<Comment> = comments.collect();
        Ok(CommentChunk {
            is_end: found.len() < limit || comments.is_empty(),
            comments,
        })
    }
}
