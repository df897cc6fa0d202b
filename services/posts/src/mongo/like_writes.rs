use std::{collections::HashMap, sync::Arc};

use bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use bus::job_row;
use contracts::{jobs::v1::job::Work, topology::NOTIFICATIONS};
use domain::{Like, LikedId, Timestamp, UserId};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{ClientSession, Collection, error::Result, options::Hint};
use store::{Operation, Outbox, Slots, Store, StoreError, readable_number};

use super::{
    Erasures,
    indexes::{LIKE_TOMBSTONES, LIKES, SLOTS, pair},
    liked::collection_of,
};
use crate::{
    apply_likes::{Applied, Batch, Changes, Pair, Stored, Thing, Tombstone, Versioned, decide},
    likes::LikedKind,
};

/// So many documents come with the first answer to a query.
const ALL_AT_ONCE: u32 = 10_000;

/// The `likes` of posts and comments and their `like_tombstones`, as batches
/// change them.
#[derive(Clone)]
pub(crate) struct LikeWrites {
    store: Store,
    slots: Slots,
    likes: Collection<Like>,
    tombstones: Collection<Tombstone>,
    erasures: Erasures,
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
            likes: store.collection(LIKES),
            tombstones: store.collection(LIKE_TOMBSTONES),
            erasures: Erasures::new(store),
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
    ) -> std::result::Result<Applied, StoreError> {
        let (this, batch) = (self.clone(), Arc::new(batch));
        let apply = operation("apply");
        let applied = self
            .slots
            .transaction(partition, apply, move |transaction| {
                let (this, batch) = (this.clone(), Arc::clone(&batch));
                async move {
                    let stored = this.stored(transaction, &batch).await?;
                    let changes = decide(&batch, &stored, now);
                    this.write(transaction, &stored, &changes, now).await?;
                    Ok(Applied {
                        begun: changes.begun_of_posts(),
                        outcomes: changes.outcomes,
                    })
                }
                .boxed()
            })
            .await?;
        self.outbox.wake();
        Ok(applied)
    }

    /// What there is of the pairs of `batch`.
    async fn stored(&self, transaction: &mut ClientSession, batch: &Batch) -> Result<Stored> {
        Ok(Stored {
            things: self.things(&mut *transaction, batch).await?,
            erased: self.erasures.of(&mut *transaction, &batch.users()).await?,
            likes: of_pairs(&self.likes, &mut *transaction, batch).await?,
            tombstones: of_pairs(&self.tombstones, transaction, batch).await?,
        })
    }

    /// What `batch` is about, as far as it exists and can be read.
    async fn things(
        &self,
        transaction: &mut ClientSession,
        batch: &Batch,
    ) -> Result<HashMap<LikedId, Thing>> {
        let mut things = HashMap::new();
        for kind in [LikedKind::Post, LikedKind::Comment] {
            let ids = batch.of_kind(kind);
            if ids.is_empty() {
                continue;
            }
            let owner = self.store.collection::<RawDocumentBuf>(collection_of(kind));
            let find = owner.find(doc! { "_id": { "$in": ids } });
            let mut found = find
                .projection(doc! { "user_id": 1, "post_id": 1 })
                .batch_size(ALL_AT_ONCE)
                .session(&mut *transaction)
                .await?;
            let found: Vec<RawDocumentBuf> = found.stream(&mut *transaction).try_collect().await?;
            things.extend(found.iter().filter_map(|raw| thing(kind, raw)));
        }
        Ok(things)
    }

    async fn write(
        &self,
        transaction: &mut ClientSession,
        stored: &Stored,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<()> {
        // First: what changes the same things at once collides here, before more is done in vain.
        let store = &self.store;
        for kind in [LikedKind::Post, LikedKind::Comment] {
            let counts = changes.counts.iter().filter(|((of, _), _)| *of == kind);
            let counts = counts.map(|((_, liked_id), change)| {
                let count = doc! { "$add": [readable_number("likes_count"), *change] };
                doc! { "q": { "_id": *liked_id }, "u": [{ "$set": { "likes_count": count } }] }
            });
            let counts = counts.collect();
            let update = store.update_each(transaction, collection_of(kind), counts);
            update.await?;
        }

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

        let told = changes.notifications(&stored.things).into_iter();
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
    let pairs = batch.by_thing().map(|(liked_id, jobs)| {
        let users: Vec<UserId> = jobs.iter().map(|job| job.user_id).collect();
        doc! { "post_id": liked_id, "user_id": { "$in": users } }
    });
    let pairs: Vec<Document> = pairs.collect();
    let mut found = documents
        .find(doc! { "$or": pairs })
        .projection(doc! { "user_id": 1, "post_id": 1, "version": 1 })
        // By itself it may walk over everybody who likes the same thing.
        .hint(Hint::Keys(pair()))
        .batch_size(ALL_AT_ONCE)
        .session(&mut *transaction)
        .await?;
    let found: Vec<RawDocumentBuf> = found.stream(transaction).try_collect().await?;
    Ok(found.iter().filter_map(|raw| versioned(raw)).collect())
}

/// What `document`, of the collection of `kind`, is for those who like it.
fn thing(kind: LikedKind, document: &RawDocument) -> Option<(LikedId, Thing)> {
    let field = |name| document.get_object_id(name).ok();
    let id = field("_id")?;
    let thing = Thing {
        kind,
        author_id: field("user_id")?.into(),
        post_id: match kind {
            LikedKind::Post => id,
            LikedKind::Comment => field("post_id")?,
        }
        .into(),
    };
    Some((id.into(), thing))
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
