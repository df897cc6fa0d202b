//! What is left of accounts that are gone for good, taken away piece by piece.
//!
//! Each piece is one bounded transaction that keeps every counter of what stays,
//! so that the work may end and go on anywhere. A post or comment goes before
//! what hangs on it, and is noted as a document of `posts_erased_content` with it:
//! from then on nothing new can come to it, and the counters of what is gone need
//! not be kept.

mod acts;
mod comments;
mod hanging;
mod posts;
mod traces;

use bson::{Document, RawDocument, RawDocumentBuf, doc, oid::ObjectId};
use domain::{LikedId, PostId, Timestamp};
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection, error::Result, options::Hint};
use serde::{Deserialize, Serialize};
use store::{IdempotencyRecords, Operation, Outbox, Store, StoreError};

use super::{CommentStore, PostCounts, indexes::ERASED_CONTENT};

/// Removes what is left of accounts.
#[derive(Clone)]
pub(crate) struct Remains {
    store: Store,
    content: Collection<ErasedContent>,
    comments: CommentStore,
    counts: PostCounts,
    answers: IdempotencyRecords,
    outbox: Outbox,
}

/// A piece that was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// How much it was; 0 when nothing was left.
    pub(crate) count: usize,
    /// The posts that are not what they were.
    pub(crate) posts: Vec<PostId>,
}

/// A post or comment that is gone, on which something may still hang: a document
/// of `posts_erased_content`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ErasedContent {
    #[serde(rename = "_id")]
    id: LikedId,
    /// The post that it is, or was said about.
    post_id: PostId,
    at: Timestamp,
}

/// Documents that are removed together.
#[derive(Clone, Debug)]
struct Piece {
    collection: &'static str,
    filter: Document,
    index: &'static str,
    /// How many of them at most.
    size: i64,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: ERASED_CONTENT,
        name,
    }
}

fn id(document: &RawDocument, field: &str) -> Option<ObjectId> {
    document.get_object_id(field).ok()
}

impl ErasedContent {
    /// What is noted of these `comments`.
    fn of_comments(comments: &[RawDocumentBuf], now: Timestamp) -> Vec<Self> {
        let comment = |comment: &RawDocumentBuf| {
            Some(Self {
                id: id(comment, "_id")?.into(),
                post_id: id(comment, "post_id")?.into(),
                at: now,
            })
        };
        comments.iter().filter_map(comment).collect()
    }

    fn is_post(&self) -> bool {
        self.id == self.post_id.into()
    }
}

impl Remains {
    pub(crate) fn new(
        store: &Store,
        comments: CommentStore,
        counts: PostCounts,
        answers: IdempotencyRecords,
        outbox: Outbox,
    ) -> Self {
        Self {
            store: store.clone(),
            content: store.collection(ERASED_CONTENT),
            comments,
            counts,
            answers,
            outbox,
        }
    }

    /// Whether there is anything to begin a transaction for.
    async fn is_left(&self, piece: &Piece) -> std::result::Result<bool, StoreError> {
        let documents = self.store.collection::<RawDocumentBuf>(piece.collection);
        let (filter, index) = (piece.filter.clone(), Hint::Name(piece.index.to_owned()));
        let find = async move {
            let find = documents.find_one(filter).projection(doc! { "_id": 1 });
            find.hint(index).await
        };
        let operation = Operation {
            collection: piece.collection,
            name: "is_left",
        };
        Ok(self.store.run(operation, find).await?.is_some())
    }

    /// What `piece` is made of, as far as it has to be known.
    async fn read(
        &self,
        session: &mut ClientSession,
        piece: &Piece,
    ) -> Result<Vec<RawDocumentBuf>> {
        let documents = self.store.collection::<RawDocumentBuf>(piece.collection);
        let find = documents.find(piece.filter.clone());
        let mut found = find
            .projection(doc! { "post_id": 1, "deleted_at": 1 })
            .hint(Hint::Name(piece.index.to_owned()))
            .limit(piece.size)
            .session(&mut *session)
            .await?;
        found.stream(session).try_collect().await
    }

    /// Removes documents that were read.
    async fn remove(
        &self,
        session: &mut ClientSession,
        collection: &'static str,
        ids: &[ObjectId],
    ) -> Result<()> {
        let documents = self.store.collection::<Document>(collection);
        let delete = documents.delete_many(doc! { "_id": { "$in": ids } });
        delete.session(session).await?;
        Ok(())
    }

    /// Notes what is removed in the transaction of `session`.
    async fn note(&self, session: &mut ClientSession, erased: &[ErasedContent]) -> Result<()> {
        if !erased.is_empty() {
            self.content.insert_many(erased).session(session).await?;
        }
        Ok(())
    }
}
