//! The comments of posts, with what is written together with them.

use bson::{Bson, Document, RawDocumentBuf, doc};
use domain::{Comment, CommentId, PostId, Timestamp};
use futures_util::FutureExt;
use mongodb::{ClientSession, Collection, error::Result};
use store::{
    IdempotencyRecords, IdempotentAnswer, Operation, Outbox, OutboxRow, Store, StoreError,
    readable, readable_number,
};

use super::{
    Turns,
    indexes::{COMMENTS, POSTS},
};

/// The `comments` collection and the counters that go with it:
///
/// > `replies_count` of a comment = its replies that are not deleted
/// >
/// > `comments_count` of a post = its comments that are not deleted and reply
/// > to none, and the replies of these
///
/// Both hold at every moment.
#[derive(Clone)]
pub(crate) struct CommentStore {
    pub(super) store: Store,
    comments: Collection<Comment>,
    pub(super) documents: Collection<RawDocumentBuf>,
    posts: Collection<Document>,
    answers: IdempotencyRecords,
    outbox: Outbox,
    turns: Turns,
}

/// What became of a comment that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    Done,
    /// There is no such post (any more).
    NoPost,
    /// There is nothing (any more) to reply to.
    NoParent,
}

pub(super) const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: COMMENTS,
        name,
    }
}

impl CommentStore {
    pub(crate) fn new(
        store: &Store,
        answers: IdempotencyRecords,
        outbox: Outbox,
        turns: Turns,
    ) -> Self {
        Self {
            store: store.clone(),
            comments: store.collection(COMMENTS),
            documents: store.collection(COMMENTS),
            posts: store.collection(POSTS),
            answers,
            outbox,
            turns,
        }
    }

    /// The comment, also one that is deleted.
    pub(crate) async fn find(
        &self,
        id: CommentId,
    ) -> std::result::Result<Option<Comment>, StoreError> {
        let documents = self.documents.clone();
        let find = async move { documents.find_one(doc! { "_id": id }).await };
        let document = self.store.run(operation("find"), find).await?;
        Ok(document.as_deref().and_then(|raw| readable(COMMENTS, raw)))
    }

    /// Stores a comment, the counts that it changes, who is told of it, and the
    /// answer to a client that may ask again: all or nothing.
    pub(crate) async fn insert(
        &self,
        comment: &Comment,
        told: Vec<OutboxRow>,
        answer: Option<IdempotentAnswer>,
    ) -> std::result::Result<Inserted, StoreError> {
        let _turn = self.turns.at(comment.post_id).await?;
        let (this, comment) = (self.clone(), comment.clone());
        let inserted = self
            .store
            .transaction(operation("insert"), move |transaction| {
                let (this, comment) = (this.clone(), comment.clone());
                let (told, answer) = (told.clone(), answer.clone());
                async move {
                    this.insert_in(transaction, &comment, &told, answer.as_ref())
                        .await
                }
                .boxed()
            })
            .await?;
        self.outbox.wake();
        Ok(inserted)
    }

    async fn insert_in(
        &self,
        transaction: &mut ClientSession,
        comment: &Comment,
        told: &[OutboxRow],
        answer: Option<&IdempotentAnswer>,
    ) -> Result<Inserted> {
        if let Some(parent) = comment.parent_id
            && !self.is_live(transaction, parent).await?
        {
            return Ok(Inserted::NoParent);
        }
        // First: who comments on the same post at once collides here, before more is done in vain.
        let live = doc! { "_id": comment.post_id, "deleted_at": Bson::Null };
        let update = self.posts.update_one(live, more("comments_count", 1));
        if update.session(&mut *transaction).await?.matched_count == 0 {
            return Ok(Inserted::NoPost);
        }
        if let Some(parent) = comment.parent_id {
            self.count_replies(transaction, parent, 1).await?;
        }
        if let Some(answer) = answer {
            self.answers.insert(transaction, answer).await?;
        }
        let insert = self.comments.insert_one(comment);
        insert.session(&mut *transaction).await?;
        self.outbox.put(transaction, told).await?;
        Ok(Inserted::Done)
    }

    /// Deletes a comment and returns it as it was; `None` if there is none (any more).
    pub(crate) async fn delete(
        &self,
        id: CommentId,
        now: Timestamp,
    ) -> std::result::Result<Option<Comment>, StoreError> {
        let Some(found) = self.find(id).await? else {
            return Ok(None);
        };
        let _turn = self.turns.at(found.post_id).await?;
        let this = self.clone();
        self.store
            .transaction(operation("delete"), move |transaction| {
                let this = this.clone();
                async move { this.delete_in(transaction, id, now).await }.boxed()
            })
            .await
    }

    /// As [`CommentStore::delete`], in the caller's transaction. Replies are
    /// left as they are: whoever asks for them asks for what they reply to.
    pub(crate) async fn delete_in(
        &self,
        transaction: &mut ClientSession,
        id: CommentId,
        now: Timestamp,
    ) -> Result<Option<Comment>> {
        let find = self.documents.find_one(live(id));
        let found = find.session(&mut *transaction).await?;
        let found = found.and_then(|raw| readable::<Comment>(COMMENTS, &raw));
        let Some(comment) = found else {
            return Ok(None);
        };
        let hidden = match comment.parent_id {
            None => 1 + comment.replies_count,
            // With what it replies to, it was no longer counted.
            Some(parent) => i64::from(self.is_live(transaction, parent).await?),
        };
        if hidden != 0 {
            self.count_comments(transaction, comment.post_id, -hidden)
                .await?;
        }
        if let Some(parent) = comment.parent_id {
            self.count_replies(transaction, parent, -1).await?;
        }
        let set = doc! { "$set": { "deleted_at": now } };
        let update = self.comments.update_one(live(id), set);
        update.session(transaction).await?;
        Ok(Some(comment))
    }

    /// Whether there is such a comment (still).
    async fn is_live(&self, transaction: &mut ClientSession, id: CommentId) -> Result<bool> {
        let find = self.documents.find_one(live(id)).session(transaction);
        Ok(find.await?.is_some())
    }

    async fn count_comments(
        &self,
        transaction: &mut ClientSession,
        id: PostId,
        change: i64,
    ) -> Result<()> {
        let more = more("comments_count", change);
        let update = self.posts.update_one(doc! { "_id": id }, more);
        update.session(transaction).await?;
        Ok(())
    }

    async fn count_replies(
        &self,
        transaction: &mut ClientSession,
        id: CommentId,
        change: i64,
    ) -> Result<()> {
        let more = more("replies_count", change);
        let update = self.comments.update_one(doc! { "_id": id }, more);
        update.session(transaction).await?;
        Ok(())
    }
}

/// The comment `id`, if it is not deleted.
fn live(id: CommentId) -> Document {
    doc! { "_id": id, "deleted_at": Bson::Null }
}

/// The update that adds `change` to a counter, which may be anything in an old document.
fn more(counter: &str, change: i64) -> Vec<Document> {
    let sum = doc! { "$add": [readable_number(counter), change] };
    vec![doc! { "$set": { counter: sum } }]
}
