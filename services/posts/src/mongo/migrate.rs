//! `posts migrate`: indexes, queue topology, and what old documents lack.

mod likes;
mod words;

use std::fmt;

use anyhow::Context;
use bson::{Bson, Document, doc};
use domain::{Timestamp, UserId};
use futures_util::{StreamExt, TryStreamExt, stream};
use runtime::{Clock, SystemClock};
use secrecy::ExposeSecret;
use store::{IdempotencyRecords, Outbox, Store, StoreError};

use super::{
    PostCounts, PostStore, Turns,
    authors::authors_after,
    indexes::{self, IDEMPOTENCY, OUTBOX, POSTS},
};
use crate::MigrateSettings;

/// Authors looked at together.
const PAGE: usize = 1_000;
/// Authors counted at a time.
const COUNTED_AT_ONCE: usize = 8;

/// What a migration did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// Posts that got the time at which they were made.
    pub dated: u64,
    /// Posts that got the words and hashtags under which they are found.
    pub findable: u64,
    /// Authors whose posts were counted.
    pub counted: u64,
    /// Likes that got the time at which they were made, or their type.
    pub likes_completed: u64,
    /// Likes that were removed because the same person liked the same thing before.
    pub likes_removed: u64,
}

impl fmt::Display for MigrationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} posts dated, {} posts made findable, {} authors counted, \
             {} likes completed, {} likes removed",
            self.dated, self.findable, self.counted, self.likes_completed, self.likes_removed
        )
    }
}

/// Creates the indexes and the queue topology, and completes old documents.
/// Running it again changes nothing; it may run beside the service.
pub async fn migrate(settings: &MigrateSettings) -> anyhow::Result<MigrationReport> {
    bus::declare_topology(settings.amqp.amqp_url.expose_secret())
        .await
        .context("rabbitmq topology")?;
    let store = Store::connect(&settings.mongo, "posts migrate").await?;
    // One of the indexes can only be had once that is done.
    let old_likes = likes::take_over(&store).await.context("old likes")?;
    store
        .ensure_indexes(&indexes::all())
        .await
        .context("mongodb indexes")?;
    let dated = date_posts(&store).await.context("posts without a date")?;
    let findable = words::note(&store).await.context("words of posts")?;
    let counted = count_authors(&store).await.context("authors not counted")?;
    Ok(MigrationReport {
        dated,
        findable,
        counted,
        likes_completed: old_likes.completed,
        likes_removed: old_likes.removed,
    })
}

/// Lists are sorted by `created_at`. Where it is missing, or not a date, the
/// `_id` knows.
async fn date_posts(store: &Store) -> Result<u64, StoreError> {
    let not_a_date = doc! { "$or": [
        { "created_at": Bson::Null },
        { "created_at": { "$type": ["string", "number"] } },
    ] };
    // However long that takes.
    let posts = store.collection::<Document>(POSTS);
    Ok(posts
        .update_many(not_a_date, dated_by_id())
        .await?
        .modified_count)
}

/// Sets `created_at` to a date: what it says if that can be read, else that of the `_id`.
fn dated_by_id() -> Vec<Document> {
    let from_id = doc! { "$convert": { "input": "$_id", "to": "date", "onError": "$$NOW" } };
    let date = doc! { "$convert": {
        "input": "$created_at", "to": "date", "onError": &from_id, "onNull": &from_id,
    } };
    vec![doc! { "$set": { "created_at": date } }]
}

/// The predecessor kept no counts that could be trusted.
async fn count_authors(store: &Store) -> Result<u64, StoreError> {
    let outbox = Outbox::new(store, OUTBOX);
    let counts = PostCounts::new(store, outbox.clone());
    let answers = IdempotencyRecords::new(store, IDEMPOTENCY);
    let posts = PostStore::new(store, counts.clone(), answers, outbox, Turns::new());
    let (mut last, mut counted) = (None, 0);
    loop {
        let authors = authors_after(&posts, &counts, last, PAGE).await?;
        last = authors.last().copied();
        if last.is_none() {
            return Ok(counted);
        }
        counted += count_page(&counts, authors, SystemClock.now()).await?;
    }
}

async fn count_page(
    counts: &PostCounts,
    mut authors: Vec<UserId>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let known = counts.find_many(&authors).await?;
    authors.retain(|author| !known.iter().any(|count| count.user_id == *author));
    let counting = authors
        .into_iter()
        .map(|author| counts.complete(author, now));
    let mut done = stream::iter(counting).buffer_unordered(COUNTED_AT_ONCE);
    let mut counted = 0;
    while let Some(is_new) = done.try_next().await? {
        counted += u64::from(is_new);
    }
    Ok(counted)
}
