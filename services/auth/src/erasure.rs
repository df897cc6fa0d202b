//! Erasing what a deleted account leaves behind, once its owner cannot want it
//! back any more.

use std::{sync::Arc, time::Duration};

use bus::event_row;
use contracts::events::v1::{FollowState, UserErased, event::Fact};
use domain::{Follow, FollowStatus, Id, Timestamp, UserId};
use futures_util::FutureExt;
use metrics::counter;
use mongodb::ClientSession;
use runtime::{Clock, Shutdown};
use store::{IdempotencyRecords, Lease, Operation, Outbox, Round, StoreError, Work};

use crate::{
    copies::Copies,
    follow_news,
    mongo::{EdgeRange, Erasures, FollowChange, FollowList, FollowSweeps, ReportStore},
    relations::Relations,
};

/// How long the loop sleeps when no account is due.
const IDLE: Duration = Duration::from_secs(1);
/// Follows that one transaction ends, each with three writes.
const EDGES: usize = 100;
/// Reports that one transaction changes.
const REPORTS: i64 = 200;

/// Erases accounts, on one replica at a time and one after the other.
///
/// Each round takes away a bounded part of what is left, so that a kill at any
/// moment loses nothing: the next round begins with what is there. The account
/// itself goes last, in the transaction that tells the other services.
pub(crate) struct Erasing {
    pub(crate) erasures: Erasures,
    pub(crate) relations: Relations,
    pub(crate) sweeps: FollowSweeps,
    pub(crate) reports: ReportStore,
    pub(crate) answers: IdempotencyRecords,
    pub(crate) outbox: Outbox,
    pub(crate) copies: Copies,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long a deleted account can be had back. It should be longer than a
    /// transaction may take that still saw the account in use (a minute at most).
    pub(crate) grace: Duration,
    pub(crate) lease: Lease,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "users",
        name,
    }
}

impl Erasing {
    /// Works until the drain.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        self.lease.work(&shutdown, &self).await;
    }

    /// Takes away a part of what is left of an account, or its last.
    async fn go_on(&self, id: UserId, now: Timestamp) -> Result<(), StoreError> {
        for list in FollowList::ALL {
            for status in [FollowStatus::Accepted, FollowStatus::Pending] {
                let range = EdgeRange::oldest(list, id, status, None, EDGES);
                if self.end_follows(range, now).await? {
                    return Ok(());
                }
            }
        }
        if self.erasures.forget_blocks(id).await?
            || self.erasures.forget_sessions(id, now).await?
            || self.forget_reports(id).await?
        {
            return Ok(());
        }
        self.erasures.forget_tokens(id).await?;
        self.answers.forget(id).await?;
        self.finish(id, now).await
    }

    /// Ends some follows as the account would have; false if there are none.
    /// The counters of the others follow from it as always.
    async fn end_follows(&self, range: EdgeRange, now: Timestamp) -> Result<bool, StoreError> {
        let (relations, erasures) = (self.relations.clone(), self.erasures.clone());
        let outbox = self.outbox.clone();
        let end = self
            .relations
            .store
            .transaction(operation("end_follows"), move |session| {
                let (relations, erasures) = (relations.clone(), erasures.clone());
                let outbox = outbox.clone();
                async move {
                    let edges = relations.follows.page(&mut *session, range).await?;
                    let ids: Vec<Id<Follow>> = edges.iter().map(|edge| edge.id).collect();
                    if erasures.remove_edges_in(&mut *session, &ids).await? != ids.len() {
                        // The other side ended one meanwhile.
                        session.abort_transaction().await?;
                        return Ok(true);
                    }
                    let accepted = edges.iter();
                    let accepted = accepted.filter(|it| it.status == FollowStatus::Accepted);
                    let changes: Vec<_> = accepted.map(FollowChange::ended).collect();
                    let rows: Vec<_> = edges
                        .iter()
                        .map(|edge| follow_news::changed(edge, FollowState::None, now))
                        .collect();
                    let counted = relations.changes.insert_all(&mut *session, &changes);
                    counted.await?;
                    outbox.put(session, &rows).await?;
                    Ok(!edges.is_empty())
                }
                .boxed()
            });
        let has_ended_some = end.await?;
        if has_ended_some {
            self.outbox.wake();
            self.relations.changes.wake();
        }
        Ok(has_ended_some)
    }

    /// Takes the account out of some reports; false if it is in none.
    async fn forget_reports(&self, id: UserId) -> Result<bool, StoreError> {
        let reports = self.reports.clone();
        let forget =
            self.relations
                .store
                .transaction(operation("forget_reports"), move |session| {
                    let reports = reports.clone();
                    async move {
                        let by_it = reports.forget_reporter(&mut *session, id, REPORTS).await?;
                        if by_it > 0 {
                            return Ok(true);
                        }
                        Ok(reports.forget_author(session, id, REPORTS).await? > 0)
                    }
                    .boxed()
                });
        forget.await
    }

    /// Removes the account and tells everybody.
    async fn finish(&self, id: UserId, now: Timestamp) -> Result<(), StoreError> {
        let (erasures, sweeps) = (self.erasures.clone(), self.sweeps.clone());
        let outbox = self.outbox.clone();
        let finish = self
            .relations
            .store
            .transaction(operation("erase"), move |session| {
                let (erasures, sweeps) = (erasures.clone(), sweeps.clone());
                let outbox = outbox.clone();
                async move { finish_in(session, &erasures, &sweeps, &outbox, id, now).await }
                    .boxed()
            });
        finish.await?;
        self.outbox.wake();
        self.copies.forget_user(id).await;
        counter!("accounts_erased_total").increment(1);
        tracing::info!(user.id = %id, "account erased");
        Ok(())
    }
}

async fn finish_in(
    session: &mut ClientSession,
    erasures: &Erasures,
    sweeps: &FollowSweeps,
    outbox: &Outbox,
    id: UserId,
    now: Timestamp,
) -> mongodb::error::Result<()> {
    if erasures.remove_in(&mut *session, id).await? {
        sweeps.end(&mut *session, id).await?;
        let fact = Fact::UserErased(UserErased {
            user_id: id.to_string(),
        });
        outbox.put(session, &[event_row(fact, now)]).await?;
    }
    Ok(())
}

impl Work for Erasing {
    type Error = StoreError;

    async fn wait(&self) {
        tokio::time::sleep(IDLE).await;
    }

    async fn round(&self) -> Result<Round, StoreError> {
        let now = self.clock.now();
        let Some(user) = self.erasures.next(now.minus(self.grace)).await? else {
            return Ok(Round::Done);
        };
        let has_begun = user.erasure_began_at.is_some();
        if has_begun || self.erasures.begin(&user, now).await? {
            self.go_on(user.id, now).await?;
        }
        Ok(Round::More)
    }
}
