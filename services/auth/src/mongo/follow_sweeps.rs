use std::time::Duration;

use bson::{DateTime, Document, doc};
use domain::UserId;
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection, error::Result};
use serde::Deserialize;
use store::{Operation, Store, StoreError, Wakeup};

/// The collection's name.
pub(crate) const NAME: &str = "follow_sweeps";

/// How long after an account went public a request may still turn up: whoever
/// saw it private must have committed by then. MongoDB gives a transaction a
/// minute unless it is set to less.
const STRAGGLERS: Duration = Duration::from_secs(65);
/// Between two looks for stragglers.
const PAUSE: Duration = Duration::from_secs(5);

/// An account that went public: its requests are to be accepted.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct FollowSweep {
    #[serde(rename = "_id")]
    pub(crate) user_id: UserId,
    /// When it went public.
    since: DateTime,
}

/// The `follow_sweeps` collection. A sweep is written in the transaction that
/// makes an account public and removed in the one that makes it private again.
/// All times are the server's, so that clocks need not agree.
#[derive(Clone)]
pub(crate) struct FollowSweeps {
    store: Store,
    sweeps: Collection<FollowSweep>,
    written: Wakeup,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: NAME,
        name,
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl FollowSweeps {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            sweeps: store.collection(NAME),
            written: Wakeup::default(),
        }
    }

    /// From the commit on, the requests of `user_id` are accepted. Call
    /// [`FollowSweeps::wake`] after it.
    pub(crate) async fn begin(&self, session: &mut ClientSession, user_id: UserId) -> Result<()> {
        let due = vec![doc! { "$set": { "since": "$$NOW", "look_at": "$$NOW" } }];
        let begin = self.sweeps.update_one(doc! { "_id": user_id }, due);
        begin.upsert(true).session(session).await?;
        Ok(())
    }

    /// From the commit on, the requests of `user_id` wait for an answer.
    pub(crate) async fn end(&self, session: &mut ClientSession, user_id: UserId) -> Result<()> {
        let end = self.sweeps.delete_one(doc! { "_id": user_id });
        end.session(session).await?;
        Ok(())
    }

    /// Tells whoever sweeps in this process that there is something to do.
    pub(crate) fn wake(&self) {
        self.written.wake();
    }

    /// Resolves at the next [`FollowSweeps::wake`], or after `longest`: the
    /// commit may have been that of another replica.
    pub(crate) async fn written(&self, longest: Duration) {
        self.written.wait(longest).await;
    }

    /// Up to `limit` sweeps whose turn it is, those that wait longest first.
    pub(crate) async fn due(
        &self,
        limit: i64,
    ) -> std::result::Result<Vec<FollowSweep>, StoreError> {
        let sweeps = self.sweeps.clone();
        let pipeline = [
            doc! { "$sort": { "look_at": 1 } },
            doc! { "$limit": limit },
            doc! { "$match": { "$expr": { "$lte": ["$look_at", "$$NOW"] } } },
        ];
        let due = async move {
            let due = sweeps.aggregate(pipeline).with_type::<FollowSweep>();
            due.await?.try_collect().await
        };
        self.store.run(operation("due"), due).await
    }

    /// Puts the next look off, in the transaction that accepts; false if the
    /// account is private again. It is the write that lets such a transaction
    /// and one that makes the account private come only one after the other.
    pub(crate) async fn claim(
        &self,
        session: &mut ClientSession,
        sweep: &FollowSweep,
    ) -> Result<bool> {
        let later = doc! { "$add": ["$$NOW", millis(PAUSE)] };
        self.look_at(session, sweep, later).await
    }

    /// There may be more: it is due again at once.
    pub(crate) async fn go_on(
        &self,
        session: &mut ClientSession,
        sweep: &FollowSweep,
    ) -> Result<()> {
        self.look_at(session, sweep, "$$NOW").await.map(drop)
    }

    async fn look_at(
        &self,
        session: &mut ClientSession,
        sweep: &FollowSweep,
        at: impl Into<bson::Bson>,
    ) -> Result<bool> {
        let update = vec![doc! { "$set": { "look_at": at.into() } }];
        let update = self.sweeps.update_one(same(sweep), update);
        Ok(update.session(session).await?.matched_count == 1)
    }

    /// Removes a sweep that found nothing, unless there may be stragglers.
    pub(crate) async fn finish(&self, sweep: &FollowSweep) -> std::result::Result<(), StoreError> {
        let sweeps = self.sweeps.clone();
        let mut over = same(sweep);
        let oldest = doc! { "$subtract": ["$$NOW", millis(STRAGGLERS)] };
        over.insert("$expr", doc! { "$lt": ["$since", oldest] });
        let remove = async move { sweeps.delete_one(over).await };
        self.store.run(operation("finish"), remove).await?;
        Ok(())
    }
}

/// The sweep, unless the account has gone private and public since.
fn same(sweep: &FollowSweep) -> Document {
    doc! { "_id": sweep.user_id, "since": sweep.since }
}
