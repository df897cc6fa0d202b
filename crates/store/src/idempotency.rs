use std::time::Duration;

use bson::{doc, oid::ObjectId};
use domain::{Timestamp, UserId};
use mongodb::{ClientSession, Collection, options::IndexOptions};
use serde::{Deserialize, Serialize};

use crate::{Index, Operation, Store, StoreError};

/// How long an answer is kept for a client that asks again.
const IDEMPOTENCY_LIFETIME: Duration = Duration::from_hours(24);
/// The unique index that a second answer to the same key collides with.
pub const IDEMPOTENCY_INDEX: &str = "user_route_key_unique";

/// The answer to a request that carried an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotentAnswer {
    /// The record.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// Whose key it is: keys of different accounts have nothing to do with each other.
    pub user_id: UserId,
    /// The operation, by its name in the route table.
    pub route: String,
    /// What the client chose.
    pub key: String,
    /// Hash of what was asked for.
    pub body_hash: String,
    /// The body that was answered.
    pub answer: String,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// A request that its client may repeat, which must then have no other effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeatable {
    /// The operation, by its name in the route table.
    pub route: &'static str,
    /// What the client chose.
    pub key: String,
    /// Hash of what is asked for, the ids of its path among it.
    pub body_hash: String,
}

impl Repeatable {
    /// What is kept when `user_id` is given `answer` at `now`.
    #[must_use]
    pub fn record(&self, user_id: UserId, now: Timestamp, answer: &str) -> IdempotentAnswer {
        IdempotentAnswer {
            id: ObjectId::new(),
            user_id,
            route: self.route.to_owned(),
            key: self.key.clone(),
            body_hash: self.body_hash.clone(),
            answer: answer.to_owned(),
            expires_at: now.plus(IDEMPOTENCY_LIFETIME),
        }
    }
}

/// Why it is not known what was answered before.
#[derive(Debug, thiserror::Error)]
pub enum RepeatError {
    /// The key was used for another request.
    #[error("idempotency key reused")]
    KeyReused,
    /// MongoDB.
    #[error("store failed")]
    Store(#[from] StoreError),
}

/// The answers of a service, each written in the transaction of what it
/// answers: there is one exactly if the thing was done.
#[derive(Clone, Debug)]
pub struct IdempotencyRecords {
    store: Store,
    name: &'static str,
    records: Collection<IdempotentAnswer>,
}

impl IdempotencyRecords {
    /// The records in the collection `name` of this service.
    #[must_use]
    pub fn new(store: &Store, name: &'static str) -> Self {
        Self {
            store: store.clone(),
            name,
            records: store.collection(name),
        }
    }

    /// What its queries need.
    #[must_use]
    pub fn indexes(name: &'static str) -> [Index; 2] {
        [
            Index {
                collection: name,
                name: IDEMPOTENCY_INDEX,
                keys: doc! { "user_id": 1, "route": 1, "key": 1 },
                options: IndexOptions::builder().unique(true).build(),
            },
            Index {
                collection: name,
                name: "expires_at_ttl",
                keys: doc! { "expires_at": 1 },
                options: IndexOptions::builder().expire_after(Duration::ZERO).build(),
            },
        ]
    }

    /// What was answered to the same request of `user_id` before.
    pub async fn answered(
        &self,
        user_id: UserId,
        request: &Repeatable,
    ) -> Result<Option<String>, RepeatError> {
        match self.find(user_id, request).await? {
            Some(found) if found.body_hash == request.body_hash => Ok(Some(found.answer)),
            Some(_) => Err(RepeatError::KeyReused),
            None => Ok(None),
        }
    }

    async fn find(
        &self,
        user_id: UserId,
        Repeatable { route, key, .. }: &Repeatable,
    ) -> Result<Option<IdempotentAnswer>, StoreError> {
        let records = self.records.clone();
        let filter = doc! { "user_id": user_id, "route": *route, "key": key };
        let operation = Operation {
            collection: self.name,
            name: "find",
        };
        let find = async move { records.find_one(filter).await };
        self.store.run(operation, find).await
    }

    /// Forgets what `user_id` was answered.
    pub async fn forget(&self, user_id: UserId) -> Result<(), StoreError> {
        let records = self.records.clone();
        let operation = Operation {
            collection: self.name,
            name: "forget",
        };
        let forget = async move { records.delete_many(doc! { "user_id": user_id }).await };
        self.store.run(operation, forget).await?;
        Ok(())
    }

    /// Keeps an answer, in the transaction of `session`.
    pub async fn insert(
        &self,
        session: &mut ClientSession,
        answer: &IdempotentAnswer,
    ) -> mongodb::error::Result<()> {
        self.records.insert_one(answer).session(session).await?;
        Ok(())
    }
}
