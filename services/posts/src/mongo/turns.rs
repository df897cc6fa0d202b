use std::{convert::Infallible, sync::Arc, time::Duration};

use bson::oid::ObjectId;
use domain::Id;
use quick_cache::sync::Cache;
use store::StoreError;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

/// Documents of which it is known whose turn it is.
const REMEMBERED: usize = 10_000;
/// How long somebody waits for their turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Turns at writing a document: a post, or the count of an author's posts.
///
/// Transactions that write the same document abort each other: of thirty at once,
/// each was tried ten times, and together they took ten times as long as one after
/// the other. So they wait here, those of other replicas aside, and for MongoDB to
/// decide where this one has forgotten a document.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Cache<ObjectId, Arc<Mutex<()>>>>);

/// Nobody else in this process has it before this is dropped.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl Turns {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Cache::new(REMEMBERED)))
    }

    /// Waits for a turn at what `id` names; fails with `Timeout` if too many wait.
    pub(crate) async fn at<T>(&self, id: Id<T>) -> Result<Turn, StoreError> {
        let fresh = || Ok::<_, Infallible>(Arc::default());
        let Ok(turn) = self.0.get_or_insert_with(&id.oid(), fresh);
        let turn = timeout(PATIENCE, turn.lock_owned()).await;
        turn.or(Err(StoreError::Timeout))
    }
}

#[cfg(test)]
mod tests {
    use domain::PostId;
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_after_the_other_writes_a_post_and_another_one_meanwhile() {
        let turns = Turns::new();
        let (post, other) = (PostId::generate(), PostId::generate());
        let first = turns.at(post).await.unwrap();
        let mut second = Box::pin(turns.at(post));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(turns.at(other).await.is_ok());
        drop(first);
        assert!(second.await.is_ok());
    }
}
