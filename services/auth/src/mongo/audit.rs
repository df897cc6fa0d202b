use bson::doc;
use domain::{AuditEntry, Id};
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection, error::Result, options::IndexOptions};
use store::{Index, Operation, Store, StoreError};

use crate::audit::AuditQuery;

/// The collection's name.
pub(crate) const NAME: &str = "audit_log";

/// The `audit_log` collection. Nothing in it is ever changed or removed.
#[derive(Clone)]
pub(crate) struct AuditLog {
    store: Store,
    entries: Collection<AuditEntry>,
}

impl AuditLog {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            entries: store.collection(NAME),
        }
    }

    /// What its queries need.
    pub(crate) fn indexes() -> [Index; 2] {
        let by = |name, field: &str| Index {
            collection: NAME,
            name,
            keys: doc! { field: 1, "_id": 1 },
            options: IndexOptions::default(),
        };
        [
            by("actor_id_id", "actor_id"),
            by("target_id_id", "target_id"),
        ]
    }

    /// Adds an entry in the transaction of what it tells.
    pub(crate) async fn insert(
        &self,
        session: &mut ClientSession,
        entry: &AuditEntry,
    ) -> Result<()> {
        self.entries.insert_one(entry).session(session).await?;
        Ok(())
    }

    /// Up to `limit` entries, newest first, behind `after` or from the
    /// `skipped`-th on.
    pub(crate) async fn page(
        &self,
        query: AuditQuery,
        after: Option<Id<AuditEntry>>,
        skipped: usize,
        limit: usize,
    ) -> std::result::Result<Vec<AuditEntry>, StoreError> {
        let mut filter = doc! {};
        if let Some(actor) = query.actor {
            // The operator has no account, and is stored as null.
            filter.insert("actor_id", actor.id());
        }
        if let Some(target) = query.target {
            filter.insert("target_id", target);
        }
        if let Some(after) = after {
            filter.insert("_id", doc! { "$lt": after });
        }
        let entries = self.entries.clone();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let page = async move {
            let page = entries.find(filter).sort(doc! { "_id": -1 });
            let page = page.skip(skipped as u64).limit(limit);
            page.await?.try_collect().await
        };
        let operation = Operation {
            collection: NAME,
            name: "page",
        };
        self.store.run(operation, page).await
    }
}
