//! Carries follows into the counters of the accounts, many at a time.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use domain::{Id, UserId};
use futures_util::FutureExt;
use runtime::Shutdown;
use store::{Lease, Operation, Round, Store, StoreError, Work};

use crate::mongo::{CounterDeltas, Counters, FollowChange, FollowChanges};

/// Changes counted at a time. A failure halves it, down to one.
const BATCH: i64 = 1_000;
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
    lease: Lease,
    /// How many changes to take.
    batch: AtomicI64,
}

impl FollowCounting {
    pub(crate) fn new(
        store: &Store,
        changes: &FollowChanges,
        counters: &Counters,
        lease: Lease,
    ) -> Self {
        Self {
            store: store.clone(),
            changes: changes.clone(),
            counters: counters.clone(),
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
        let ids: Vec<Id<FollowChange>> = rows.iter().map(|row| row.id).collect();
        let deltas = deltas(rows);
        self.store
            .transaction(operation, move |session| {
                let (changes, counters) = (changes.clone(), counters.clone());
                let (ids, deltas) = (ids.clone(), deltas.clone());
                async move {
                    if changes.remove(&mut *session, &ids).await? != ids.len() {
                        session.abort_transaction().await?;
                        return Ok(false);
                    }
                    counters.add(session, &deltas).await?;
                    Ok(true)
                }
                .boxed()
            })
            .await
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

#[cfg(test)]
mod tests;
