use std::time::Duration;

use bson::{Document, doc, oid::ObjectId};
use mongodb::Collection;
use runtime::Shutdown;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{Operation, Store, StoreError};

/// How long a lease holds without being renewed: so long a killed holder is missed.
const LIFETIME: Duration = Duration::from_secs(3);
/// How long the others wait before they try again, and a holder before it renews.
const RENEWAL: Duration = Duration::from_secs(1);
/// How long a holder waits after a failure.
const BACKOFF: Duration = Duration::from_millis(500);

/// Work that one replica of a service does for all.
///
/// Time is the server's, so that clocks need not agree. A holder that was
/// stopped for longer than the lease may finish its round beside its
/// successor; rounds must allow that.
#[derive(Clone, Debug)]
pub struct Lease {
    store: Store,
    collection_name: &'static str,
    leases: Collection<Document>,
    work: &'static str,
    holder: ObjectId,
}

/// What a round of work found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// There may be more: go on at once.
    More,
    /// All is done: wait.
    Done,
}

/// Work that is done in rounds by whoever holds the lease.
pub trait Work: Send + Sync {
    /// Why a round may come to nothing. It is logged, and the round repeated.
    type Error: std::fmt::Display + Send;

    /// Does a part of what there is to do.
    fn round(&self) -> impl Future<Output = Result<Round, Self::Error>> + Send;

    /// Resolves when there may be something to do again.
    fn wait(&self) -> impl Future<Output = ()> + Send;
}

impl Lease {
    /// A claim on `work`, noted in the collection `name` of this service.
    #[must_use]
    pub fn new(store: &Store, name: &'static str, work: &'static str) -> Self {
        Self {
            store: store.clone(),
            collection_name: name,
            leases: store.collection(name),
            work,
            holder: ObjectId::new(),
        }
    }

    /// Does `work` while this process holds the lease, until the drain.
    pub async fn work(&self, shutdown: &Shutdown, work: &impl Work) {
        while !shutdown.is_draining() {
            match self.acquire().await {
                Ok(true) => {
                    let until = Instant::now() + RENEWAL;
                    while Instant::now() < until && !shutdown.is_draining() {
                        match work.round().await {
                            Ok(Round::More) => {}
                            Ok(Round::Done) => {
                                tokio::select! {
                                    _ = timeout_at(until, work.wait()) => {}
                                    () = shutdown.draining() => {}
                                }
                            }
                            Err(error) => {
                                tracing::warn!(work = self.work, %error, "work failed, is tried again");
                                pause(BACKOFF, shutdown).await;
                            }
                        }
                    }
                }
                Ok(false) => pause(RENEWAL, shutdown).await,
                Err(error) => {
                    tracing::warn!(work = self.work, %error, "lease cannot be taken");
                    pause(BACKOFF, shutdown).await;
                }
            }
        }
        if let Err(error) = self.release().await {
            tracing::warn!(work = self.work, %error, "lease was not given back");
        }
    }

    /// Takes or renews the lease; false while somebody else holds it.
    pub async fn acquire(&self) -> Result<bool, StoreError> {
        let lifetime = i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX);
        let take = vec![doc! { "$set": {
            "holder": self.holder,
            "expires_at": { "$add": ["$$NOW", lifetime] },
        } }];
        let (leases, mine, update) = (self.leases.clone(), self.mine(), take.clone());
        let renewing = async move { leases.update_one(mine, update).upsert(true).await };
        match self.store.run(self.operation("renew"), renewing).await {
            Ok(_) => return Ok(true),
            // The insert met somebody else's document.
            Err(error) if error.duplicate_index().is_some() => {}
            Err(error) => return Err(error),
        }
        let leases = self.leases.clone();
        let lapsed = doc! {
            "_id": self.work,
            "$expr": { "$lt": ["$expires_at", "$$NOW"] },
        };
        let taking = async move { leases.update_one(lapsed, take).await };
        let taken = self.store.run(self.operation("take"), taking).await?;
        Ok(taken.matched_count == 1)
    }

    /// Gives the lease back, if this process holds it.
    pub async fn release(&self) -> Result<(), StoreError> {
        let (leases, mine) = (self.leases.clone(), self.mine());
        let release = async move { leases.delete_one(mine).await };
        self.store.run(self.operation("release"), release).await?;
        Ok(())
    }

    fn mine(&self) -> Document {
        doc! { "_id": self.work, "holder": self.holder }
    }

    const fn operation(&self, name: &'static str) -> Operation {
        Operation {
            collection: self.collection_name,
            name,
        }
    }
}

async fn pause(time: Duration, shutdown: &Shutdown) {
    tokio::select! {
        () = sleep(time) => {}
        () = shutdown.draining() => {}
    }
}
