use std::time::Duration;

use bson::{Binary, Document, doc, oid::ObjectId, spec::BinarySubtype};
use domain::Timestamp;
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection, options::IndexOptions};
use serde::{Deserialize, Serialize};

use crate::{Index, Operation, Store, StoreError, Wakeup};

/// A message that has to reach the broker because the change that it tells of
/// was committed with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// The same for every attempt to send it.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The exchange it goes to.
    pub exchange: String,
    /// The routing key.
    pub key: String,
    /// What is sent.
    pub payload: Binary,
    /// W3C trace context of the change, header by header.
    #[serde(default)]
    pub trace: Document,
    /// When the change happened; the oldest go first.
    pub created_at: Timestamp,
}

impl OutboxRow {
    /// A row with the trace context `trace`, see `telemetry::inject_context`.
    #[must_use]
    pub fn new(
        id: ObjectId,
        exchange: &str,
        key: &str,
        payload: Vec<u8>,
        trace: Document,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            exchange: exchange.to_owned(),
            key: key.to_owned(),
            payload: Binary {
                subtype: BinarySubtype::Generic,
                bytes: payload,
            },
            trace,
            created_at,
        }
    }
}

/// The outbox of a service (pattern: transactional outbox): rows are written
/// in the transaction of the change, sent by a relay, and deleted once the
/// broker has confirmed them. What is stored will be published, at least once.
///
/// Nothing remembers a position in it: ids and times of replicas interleave,
/// and a transaction may commit after a later one was relayed.
#[derive(Clone, Debug)]
pub struct Outbox {
    store: Store,
    name: &'static str,
    rows: Collection<OutboxRow>,
    written: Wakeup,
}

impl Outbox {
    /// The outbox in the collection `name`. A collection has one owner, so
    /// the name begins with the service's.
    #[must_use]
    pub fn new(store: &Store, name: &'static str) -> Self {
        Self {
            store: store.clone(),
            name,
            rows: store.collection(name),
            written: Wakeup::default(),
        }
    }

    /// What its queries need.
    #[must_use]
    pub fn indexes(name: &'static str) -> [Index; 1] {
        [Index {
            collection: name,
            name: "created_at",
            keys: doc! { "created_at": 1, "_id": 1 },
            options: IndexOptions::default(),
        }]
    }

    /// Adds rows in the transaction of `session`. Call [`Outbox::wake`] after the commit.
    pub async fn put(
        &self,
        session: &mut ClientSession,
        rows: &[OutboxRow],
    ) -> mongodb::error::Result<()> {
        if !rows.is_empty() {
            self.rows.insert_many(rows).session(session).await?;
        }
        Ok(())
    }

    /// Tells the relay of this process that there is something to send.
    pub fn wake(&self) {
        self.written.wake();
    }

    /// Resolves at the next [`Outbox::wake`], or after `longest`: the commit
    /// may have been that of another replica.
    pub async fn written(&self, longest: Duration) {
        self.written.wait(longest).await;
    }

    /// Up to `limit` rows, oldest first.
    pub async fn oldest(&self, limit: i64) -> Result<Vec<OutboxRow>, StoreError> {
        let rows = self.rows.clone();
        let find = async move {
            let sorted = rows.find(doc! {}).sort(doc! { "created_at": 1, "_id": 1 });
            sorted.limit(limit).await?.try_collect().await
        };
        self.store.run(self.operation("oldest"), find).await
    }

    /// Removes rows that the broker has confirmed.
    pub async fn remove(&self, ids: Vec<ObjectId>) -> Result<(), StoreError> {
        let rows = self.rows.clone();
        let delete = async move { rows.delete_many(doc! { "_id": { "$in": ids } }).await };
        self.store.run(self.operation("remove"), delete).await?;
        Ok(())
    }

    const fn operation(&self, name: &'static str) -> Operation {
        Operation {
            collection: self.name,
            name,
        }
    }
}
