//! Carries follows into the counters of the accounts, many at a time, and tells
//! the accounts who follows them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{Id, UserId};
use futures_util::FutureExt;
use runtime::{Clock, Shutdown};
use store::{Lease, Operation, Outbox, OutboxRow, Round, Store, StoreError, Work};

use crate::{
    follow_news,
    mongo::{CounterDeltas, Counters, FollowChange, FollowChanges},
};

/// Changes counted at a time. A failure halves it, down to one.
const BATCH: i64 = 1_000;
/// Most followers that an account is told of with one job.
const ACTORS: usize = 100;
/// Between two looks for changes of other replicas.
const IDLE: Duration = Duration::from_millis(250);

/// Counts follows: one replica at a time, one write per account and batch,
/// however many came to it.
///
/// A batch is removed in the transaction that counts it. A replica that
/// was stopped in between, or counts beside its successor, changes nothing:
/// whoever finds that a part of its batch is gone leaves it and looks again.
pub(crate) struct FollowCounting {
    store: Store,
    changes: FollowChanges,
    counters: Counters,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    lease: Lease,
    /// How many changes to take.
    batch: AtomicI64,
}

impl FollowCounting {
    pub(crate) fn new(
        store: &Store,
        changes: &FollowChanges,
        counters: &Counters,
        outbox: &Outbox,
        clock: Arc<dyn Clock>,
        lease: Lease,
    ) -> Self {
        Self {
            store: store.clone(),
            changes: changes.clone(),
            counters: counters.clone(),
            outbox: outbox.clone(),
            clock,
            lease,
            batch: AtomicI64::new(BATCH),
        }
    }

    /// Works until the drain.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        self.lease.work(&shutdown, &self).await;
    }

    /// False if somebody else has counted some of the rows.
    async fn count(&self, rows: &[FollowChange]) -> Result<bool, StoreError> {
        let operation = Operation {
            collection: "follow_changes",
            name: "count",
        };
        let (changes, counters) = (self.changes.clone(), self.counters.clone());
        let (outbox, news) = (self.outbox.clone(), self.news(rows));
        let ids: Vec<Id<FollowChange>> = rows.iter().map(|row| row.id).collect();
        let deltas = deltas(rows);
        self.store
            .transaction(operation, move |session| {
                let (changes, counters) = (changes.clone(), counters.clone());
                let (ids, deltas) = (ids.clone(), deltas.clone());
                let (outbox, news) = (outbox.clone(), news.clone());
                async move {
                    if changes.remove(&mut *session, &ids).await? != ids.len() {
                        session.abort_transaction().await?;
                        return Ok(false);
                    }
                    counters.add(&mut *session, &deltas).await?;
                    outbox.put(session, &news).await?;
                    Ok(true)
                }
                .boxed()
            })
            .await
    }

    /// What tells accounts who follows them, many at once.
    fn news(&self, rows: &[FollowChange]) -> Vec<OutboxRow> {
        let now = self.clock.now();
        let newcomers = newcomers(rows);
        let told = newcomers.iter().flat_map(|(followee, followers)| {
            let jobs = followers.chunks(ACTORS);
            jobs.map(|some| follow_news::followed(*followee, some, now))
        });
        told.collect()
    }
}

impl Work for FollowCounting {
    type Error = StoreError;

    async fn wait(&self) {
        self.changes.written(IDLE).await;
    }

    async fn round(&self) -> Result<Round, StoreError> {
        let batch = self.batch.load(Ordering::Relaxed);
        let rows = self.changes.oldest(batch).await?;
        if rows.is_empty() {
            return Ok(Round::Done);
        }
        let began = Instant::now();
        let outcome = self.count(&rows).await;
        let next = match outcome {
            Ok(_) => (batch * 2).min(BATCH),
            // It may have been too much for the time of one transaction.
            Err(_) => (batch / 2).max(1),
        };
        self.batch.store(next, Ordering::Relaxed);
        if outcome? {
            self.outbox.wake();
            let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            metrics::counter!("follow_changes_counted_total").increment(count);
            metrics::histogram!("follow_counting_duration_seconds").record(began.elapsed());
        }
        Ok(Round::More)
    }
}

fn deltas(rows: &[FollowChange]) -> BTreeMap<UserId, CounterDeltas> {
    let mut deltas = BTreeMap::<UserId, CounterDeltas>::new();
    for row in rows {
        deltas.entry(row.followee_id).or_default().followers += row.delta;
        deltas.entry(row.follower_id).or_default().following += row.delta;
    }
    deltas
}

/// Who follows each account that did not when the first of the rows came, and
/// has not asked before. Whoever came and went, or went and came back, is no news.
fn newcomers(rows: &[FollowChange]) -> BTreeMap<UserId, Vec<UserId>> {
    let mut sums = BTreeMap::<(UserId, UserId), i64>::new();
    for row in rows {
        *sums.entry((row.followee_id, row.follower_id)).or_default() += row.delta;
    }
    let asked = rows.iter().filter(|row| row.was_asked);
    let asked: BTreeSet<_> = asked
        .map(|row| (row.followee_id, row.follower_id))
        .collect();
    let mut newcomers = BTreeMap::<UserId, Vec<UserId>>::new();
    for (pair @ (followee, follower), sum) in sums {
        if sum > 0 && !asked.contains(&pair) {
            newcomers.entry(followee).or_default().push(follower);
        }
    }
    newcomers
}

#[cfg(test)]
mod tests;
