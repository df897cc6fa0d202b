use std::{collections::HashMap, sync::Arc};

use bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use bus::job_row;
use contracts::{jobs::v1::job::Work, topology::NOTIFICATIONS};
use domain::{Like, PostId, Timestamp, UserId};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{ClientSession, Collection, error::Result, options::Hint};
use store::{Operation, Outbox, Slots, Store, StoreError, readable_number};

use super::indexes::{LIKE_TOMBSTONES, LIKES, POSTS, SLOTS, pair};
use crate::apply_likes::{Batch, Changes, Outcomes, Pair, Stored, Tombstone, Versioned, decide};

/// So many documents come with the first answer to a query.
const ALL_AT_ONCE: u32 = 10_000;

/// The `likes` of posts and their `like_tombstones`, as batches change them.
#[derive(Clone)]
pub(crate) struct LikeWrites {
    store: Store,
    slots: Slots,
    posts: Collection<RawDocumentBuf>,
    likes: Collection<Like>,
    tombstones: Collection<Tombstone>,
    outbox: Outbox,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: LIKES,
        name,
    }
}

impl LikeWrites {
    pub(crate) fn new(store: &Store, outbox: Outbox) -> Self {
        Self {
            store: store.clone(),
            slots: Slots::new(store, SLOTS),
            posts: store.collection(POSTS),
            likes: store.collection(LIKES),
            tombstones: store.collection(LIKE_TOMBSTONES),
            outbox,
        }
    }

    /// Stores a batch of `partition`, the counts that it changes, and what
    /// others are told: all or nothing.
    pub(crate) async fn apply(
        &self,
        partition: &'static str,
        batch: Batch,
        now: Timestamp,
    ) -> std::result::Result<Outcomes, StoreError> {
        let (this, batch) = (self.clone(), Arc::new(batch));
        let apply = operation("apply");
        let outcomes = self
            .slots
            .transaction(partition, apply, move |transaction| {
                let (this, batch) = (this.clone(), Arc::clone(&batch));
                async move {
                    let stored = this.stored(transaction, &batch).await?;
                    let changes = decide(&batch, &stored, now);
                    this.write(transaction, &stored, &changes, now).await?;
                    Ok(changes.outcomes)
                }
                .boxed()
            })
            .await?;
        self.outbox.wake();
        Ok(outcomes)
    }

    /// What there is of the pairs of `batch`.
    async fn stored(&self, transaction: &mut ClientSession, batch: &Batch) -> Result<Stored> {
        Ok(Stored {
            authors: self.authors(&mut *transaction, batch).await?,
            likes: of_pairs(&self.likes, &mut *transaction, batch).await?,
            tombstones: of_pairs(&self.tombstones, transaction, batch).await?,
        })
    }

    /// The posts of `batch` that exist and can be read, and whose they are.
    async fn authors(
        &self,
        transaction: &mut ClientSession,
        batch: &Batch,
    ) -> Result<HashMap<PostId, UserId>> {
        let ids: Vec<PostId> = batch.by_post().map(|(post_id, _)| post_id).collect();
        let find = self.posts.find(doc! { "_id": { "$in": ids } });
        let find = find.projection(doc! { "user_id": 1 });
        let mut found = find
            .batch_size(ALL_AT_ONCE)
            .session(&mut *transaction)
            .await?;
        let found: Vec<RawDocumentBuf> = found.stream(transaction).try_collect().await?;
        let author = |post: &RawDocumentBuf| {
            let (id, user_id) = (post.get_object_id("_id"), post.get_object_id("user_id"));
            Some((id.ok()?.into(), user_id.ok()?.into()))
        };
        Ok(found.iter().filter_map(author).collect())
    }

    async fn write(
        &self,
        transaction: &mut ClientSession,
        stored: &Stored,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<()> {
        // First: what changes the same posts at once collides here, before more is done in vain.
        let counts = changes.counts.iter().map(|(post_id, change)| {
            let count = doc! { "$add": [readable_number("likes_count"), *change] };
            doc! { "q": { "_id": *post_id }, "u": [{ "$set": { "likes_count": count } }] }
        });
        let store = &self.store;
        let counts = counts.collect();
        store.update_each(transaction, POSTS, counts).await?;

        if !changes.begun.is_empty() {
            let insert = self.likes.insert_many(&changes.begun);
            insert.session(&mut *transaction).await?;
        }
        let renewed = changes.renewed.iter().map(|(id, job)| {
            let set = doc! { "reaction": job.reaction.clone(), "version": job.version };
            doc! { "q": { "_id": *id }, "u": { "$set": set } }
        });
        let renewed = renewed.collect();
        store.update_each(transaction, LIKES, renewed).await?;
        if !changes.ended.is_empty() {
            let delete = self
                .likes
                .delete_many(doc! { "_id": { "$in": &changes.ended } });
            delete.session(&mut *transaction).await?;
        }

        if !changes.buried.is_empty() {
            let insert = self.tombstones.insert_many(&changes.buried);
            insert.session(&mut *transaction).await?;
        }
        let buried_again = changes.buried_again.iter().map(|(id, version)| {
            let set = doc! { "version": *version, "at": now };
            doc! { "q": { "_id": *id }, "u": { "$set": set } }
        });
        let buried_again = buried_again.collect();
        let update = store.update_each(transaction, LIKE_TOMBSTONES, buried_again);
        update.await?;

        let told = changes.notifications(&stored.authors).into_iter();
        let rows = told.map(|notify| job_row(NOTIFICATIONS, Work::Notify(notify), now));
        let rows: Vec<_> = rows.collect();
        self.outbox.put(transaction, &rows).await
    }
}

/// What `documents` has of the pairs of `batch`.
async fn of_pairs<T: Send + Sync>(
    documents: &Collection<T>,
    transaction: &mut ClientSession,
    batch: &Batch,
) -> Result<HashMap<Pair, Versioned<T>>> {
    let documents = documents.clone_with_type::<RawDocumentBuf>();
    let pairs = batch.by_post().map(|(post_id, jobs)| {
        let users: Vec<UserId> = jobs.iter().map(|job| job.user_id).collect();
        doc! { "post_id": post_id, "user_id": { "$in": users } }
    });
    let pairs: Vec<Document> = pairs.collect();
    let mut found = documents
        .find(doc! { "$or": pairs })
        .projection(doc! { "user_id": 1, "post_id": 1, "version": 1 })
        // By itself it may walk over everybody who likes the same post.
        .hint(Hint::Keys(pair()))
        .batch_size(ALL_AT_ONCE)
        .session(&mut *transaction)
        .await?;
    let found: Vec<RawDocumentBuf> = found.stream(transaction).try_collect().await?;
    Ok(found.iter().filter_map(|raw| versioned(raw)).collect())
}

fn versioned<T>(document: &RawDocument) -> Option<(Pair, Versioned<T>)> {
    let field = |name| document.get_object_id(name).ok();
    let pair = (field("post_id")?.into(), field("user_id")?.into());
    let version = match document.get("version") {
        Ok(Some(RawBsonRef::Int64(version))) => version,
        Ok(Some(RawBsonRef::Int32(version))) => version.into(),
        // The predecessor had none.
        _ => 0,
    };
    let id = field("_id")?.into();
    Some((pair, Versioned { id, version }))
}
