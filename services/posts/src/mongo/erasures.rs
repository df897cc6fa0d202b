use std::{collections::HashSet, sync::Arc, time::Duration};

use bson::{DateTime, doc};
use domain::{Timestamp, UserId};
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection, options::Hint};
use serde::{Deserialize, Serialize};
use store::{Operation, Store, StoreError};
use tokio::sync::Notify;

use super::indexes::{DUE_AT, ERASURES};

/// An account that is gone for good: a document of `posts_erasures`. It stays
/// when nothing is left of what the account made, so that what comes late from
/// it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Erasure {
    #[serde(rename = "_id")]
    pub(crate) user_id: UserId,
    /// Since when.
    pub(crate) at: Timestamp,
    /// When somebody should look for what is left of it; absent when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due_at: Option<Timestamp>,
}

/// The `posts_erasures` collection.
#[derive(Clone)]
pub(crate) struct Erasures {
    store: Store,
    accounts: Collection<Erasure>,
    begun: Arc<Notify>,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: ERASURES,
        name,
    }
}

impl Erasures {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            accounts: store.collection(ERASURES),
            begun: Arc::default(),
        }
    }

    /// Begins to erase an account. One that has begun before goes on.
    pub(crate) async fn begin(&self, user_id: UserId, now: Timestamp) -> Result<(), StoreError> {
        let accounts = self.accounts.clone();
        let first = doc! { "$setOnInsert": { "at": now, "due_at": now } };
        let begin = async move {
            let update = accounts.update_one(doc! { "_id": user_id }, first);
            update.upsert(true).await
        };
        self.store.run(operation("begin"), begin).await?;
        self.begun.notify_one();
        Ok(())
    }

    /// Resolves when an erasure begins here, or after `longest`: it may have
    /// begun elsewhere.
    pub(crate) async fn begun(&self, longest: Duration) {
        // Woken or not, the next step is to look.
        let _ = tokio::time::timeout(longest, self.begun.notified()).await;
    }

    /// The account that has waited longest for somebody to look.
    pub(crate) async fn due(&self, now: Timestamp) -> Result<Option<Erasure>, StoreError> {
        let accounts = self.accounts.clone();
        let find = async move {
            let due = accounts.find_one(doc! { "due_at": { "$lte": now } });
            due.sort(doc! { "due_at": 1 }).await
        };
        self.store.run(operation("due"), find).await
    }

    /// Somebody is to look again at `due_at`; `None` when nothing is left.
    pub(crate) async fn set_due(
        &self,
        user_id: UserId,
        due_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let accounts = self.accounts.clone();
        let change = due_at.map_or_else(
            || doc! { "$unset": { "due_at": "" } },
            |due_at| doc! { "$set": { "due_at": due_at } },
        );
        let update = async move { accounts.update_one(doc! { "_id": user_id }, change).await };
        self.store.run(operation("set_due"), update).await?;
        Ok(())
    }

    /// How many accounts are not erased to the end.
    pub(crate) async fn remaining(&self) -> Result<u64, StoreError> {
        let accounts = self.accounts.clone();
        let count = async move {
            let waiting = doc! { "due_at": { "$lte": DateTime::MAX } };
            let by_index = Hint::Name(DUE_AT.to_owned());
            accounts.count_documents(waiting).hint(by_index).await
        };
        self.store.run(operation("remaining"), count).await
    }

    /// Those of `users` that are gone for good, as the transaction of `session` sees it.
    pub(super) async fn of(
        &self,
        session: &mut ClientSession,
        users: &[UserId],
    ) -> mongodb::error::Result<HashSet<UserId>> {
        let find = self.accounts.find(doc! { "_id": { "$in": users } });
        let mut found = find.session(&mut *session).await?;
        let found = found.stream(session).map_ok(|erasure| erasure.user_id);
        found.try_collect().await
    }
}
