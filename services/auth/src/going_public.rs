//! An account that goes public accepts whoever has asked to follow it.

use std::{sync::Arc, time::Duration};

use contracts::events::v1::FollowState;
use domain::{Follow, FollowStatus, Timestamp};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use runtime::{Clock, Shutdown};
use store::{Lease, Operation, Outbox, Round, StoreError, Work};

use crate::{
    copies::Copies,
    follow_news,
    mongo::{EdgeRange, FollowChange, FollowList, FollowSweep, FollowSweeps},
    relations::Relations,
};

/// Requests accepted in one transaction: each is a follow, its count and two
/// messages.
const CHUNK: usize = 100;
/// Accounts looked at in one round.
const ACCOUNTS: i64 = 100;
/// Between two looks for accounts of other replicas.
const IDLE: Duration = Duration::from_millis(250);

/// Accepts the requests of accounts that went public: one replica at a time,
/// in transactions of bounded size.
///
/// The sweep of an account outlives the last request: a follow that still saw
/// the account private may commit after everything was accepted. One that began
/// later does not, so after a while there is nothing to wait for.
pub(crate) struct GoingPublic {
    pub(crate) relations: Relations,
    pub(crate) sweeps: FollowSweeps,
    pub(crate) outbox: Outbox,
    pub(crate) copies: Copies,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lease: Lease,
}

impl GoingPublic {
    /// Works until the drain.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        self.lease.work(&shutdown, &self).await;
    }

    /// Accepts some requests, oldest first; which is none if there are no more.
    async fn accept_some(
        &self,
        sweep: FollowSweep,
    ) -> std::result::Result<Vec<Follow>, StoreError> {
        let operation = Operation {
            collection: "follow_sweeps",
            name: "accept_some",
        };
        let (relations, sweeps) = (self.relations.clone(), self.sweeps.clone());
        let (outbox, now) = (self.outbox.clone(), self.clock.now());
        let accept = self.relations.store.transaction(operation, move |session| {
            let (relations, sweeps) = (relations.clone(), sweeps.clone());
            let outbox = outbox.clone();
            async move {
                if !sweeps.claim(&mut *session, &sweep).await? {
                    return Ok(Vec::new());
                }
                let (list, status) = (FollowList::Followers, FollowStatus::Pending);
                let range = EdgeRange::oldest(list, sweep.user_id, status, None, CHUNK);
                let asked = relations.follows.page(&mut *session, range).await?;
                if asked.len() == CHUNK {
                    sweeps.go_on(&mut *session, &sweep).await?;
                }
                accept_all(&relations, &outbox, session, &asked, now).await?;
                Ok(asked)
            }
            .boxed()
        });
        let accepted = accept.await?;
        if accepted.is_empty() {
            return Ok(accepted);
        }
        self.outbox.wake();
        self.relations.changes.wake();
        self.copies.forget_follows(&accepted).await;
        let count = u64::try_from(accepted.len()).unwrap_or(u64::MAX);
        metrics::counter!("follow_requests_swept_total").increment(count);
        Ok(accepted)
    }
}

async fn accept_all(
    relations: &Relations,
    outbox: &Outbox,
    session: &mut ClientSession,
    asked: &[Follow],
    now: Timestamp,
) -> Result<()> {
    relations.follows.accept_all(&mut *session, asked).await?;
    let changes: Vec<FollowChange> = asked.iter().map(FollowChange::accepted).collect();
    relations
        .changes
        .insert_all(&mut *session, &changes)
        .await?;
    let news = asked.iter().flat_map(|edge| {
        [
            follow_news::changed(edge, FollowState::Following, now),
            follow_news::accepted(edge, now),
        ]
    });
    outbox.put(session, &news.collect::<Vec<_>>()).await
}

impl Work for GoingPublic {
    type Error = StoreError;

    async fn wait(&self) {
        self.sweeps.written(IDLE).await;
    }

    /// One account that fails does not stop the others.
    async fn round(&self) -> std::result::Result<Round, StoreError> {
        let due = self.sweeps.due(ACCOUNTS).await?;
        let mut failure = None;
        for sweep in &due {
            let swept = match self.accept_some(*sweep).await {
                Ok(accepted) if accepted.is_empty() => self.sweeps.finish(sweep).await,
                swept => swept.map(drop),
            };
            failure = swept.err().or(failure);
        }
        match failure {
            Some(error) => Err(error),
            None if due.is_empty() => Ok(Round::Done),
            None => Ok(Round::More),
        }
    }
}
