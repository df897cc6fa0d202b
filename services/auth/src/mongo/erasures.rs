use bson::{Bson, Document, doc, oid::ObjectId};
use domain::{Follow, Id, Timestamp, User, UserId};
use futures_util::TryStreamExt;
use mongodb::{
    ClientSession, Collection,
    error::Result,
    options::{Hint, IndexOptions},
};
use store::{Index, Operation, Store, StoreError};

use super::{blocks, follows, indexes, one_time_tokens, sessions, users::account};

/// The deleted accounts, by when they were deleted.
const DELETED_AT: &str = "deleted_at";
/// Most documents that one step takes away.
const STEP: i64 = 500;

/// Deleted accounts, and what they leave behind in the collections of this service.
#[derive(Clone)]
pub(crate) struct Erasures {
    store: Store,
    users: Collection<Document>,
    follows: Collection<Follow>,
    blocks: Collection<Document>,
    sessions: Collection<Document>,
    tokens: Collection<Document>,
}

const fn operation(collection: &'static str, name: &'static str) -> Operation {
    Operation { collection, name }
}

impl Erasures {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            users: store.collection("users"),
            follows: store.collection(follows::NAME),
            blocks: store.collection(blocks::NAME),
            sessions: store.collection(sessions::NAME),
            tokens: store.collection(one_time_tokens::NAME),
        }
    }

    /// What the queries need that nobody else makes.
    pub(crate) fn indexes() -> [Index; 1] {
        [Index {
            collection: "users",
            name: DELETED_AT,
            keys: doc! { "deleted_at": 1 },
            options: IndexOptions::builder()
                .partial_filter_expression(doc! { "deleted_at": { "$type": "date" } })
                .build(),
        }]
    }

    /// The account that was deleted first of those that were at `latest` or before.
    pub(crate) async fn next(
        &self,
        latest: Timestamp,
    ) -> std::result::Result<Option<User>, StoreError> {
        let users = self.users.clone_with_type::<bson::RawDocumentBuf>();
        let due = doc! {
            "deleted_at": { "$lte": latest, "$type": "date" },
            "status": "deleted",
        };
        let find = async move {
            let first = users.find_one(due).sort(doc! { "deleted_at": 1 });
            first.hint(Hint::Name(DELETED_AT.to_owned())).await
        };
        let found = self
            .store
            .run(operation("users", "next_erasure"), find)
            .await?;
        Ok(found.as_deref().and_then(account))
    }

    /// Marks an account as one that nothing brings back, if it still is as
    /// `user` says; false if it is not.
    pub(crate) async fn begin(
        &self,
        user: &User,
        now: Timestamp,
    ) -> std::result::Result<bool, StoreError> {
        let users = self.users.clone();
        let filter = doc! { "_id": user.id, "status": "deleted", "deleted_at": user.deleted_at };
        let mark = doc! { "$set": { "erasure_began_at": now } };
        let begin = async move { users.update_one(filter, mark).await };
        let operation = operation("users", "begin_erasure");
        let marked = self.store.run(operation, begin).await?;
        Ok(marked.matched_count == 1)
    }

    /// Removes edges; returns how many of them were still there.
    pub(crate) async fn remove_edges_in(
        &self,
        session: &mut ClientSession,
        ids: &[Id<Follow>],
    ) -> Result<usize> {
        let remove = self.follows.delete_many(doc! { "_id": { "$in": ids } });
        let removed = remove.session(session).await?.deleted_count;
        Ok(usize::try_from(removed).unwrap_or(usize::MAX))
    }

    /// Removes some of what an account holds against others and they against
    /// it; false if there was nothing.
    pub(crate) async fn forget_blocks(&self, id: UserId) -> std::result::Result<bool, StoreError> {
        for (side, index) in [("user_id", indexes::BLOCK), ("blocked_id", "blocked_id")] {
            let some = self.some(&self.blocks, doc! { side: id }, index);
            let (blocks, some) = (self.blocks.clone(), some.await?);
            if !some.is_empty() {
                let theirs = doc! { "_id": { "$in": some } };
                let remove = async move { blocks.delete_many(theirs).await };
                let operation = operation(blocks::NAME, "forget");
                self.store.run(operation, remove).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes off some of an account's sessions whose they were and from where;
    /// false if there was none. That they are revoked has to be known for as
    /// long as their tokens last.
    pub(crate) async fn forget_sessions(
        &self,
        id: UserId,
        now: Timestamp,
    ) -> std::result::Result<bool, StoreError> {
        let theirs = doc! { "user_id": id };
        let some = self.some(&self.sessions, theirs, indexes::NEWEST_SESSIONS);
        let (sessions, some) = (self.sessions.clone(), some.await?);
        if some.is_empty() {
            return Ok(false);
        }
        let nobodys = doc! { "$set": {
            "user_id": ObjectId::from_bytes([0; 12]),
            "user_agent": null,
            "ip": null,
            "revoked_at": { "$ifNull": ["$revoked_at", now] },
        } };
        let some = doc! { "_id": { "$in": some } };
        let forget = async move { sessions.update_many(some, vec![nobodys]).await };
        let operation = operation(sessions::NAME, "forget");
        self.store.run(operation, forget).await?;
        Ok(true)
    }

    /// Removes the tokens that were mailed to an account.
    pub(crate) async fn forget_tokens(&self, id: UserId) -> std::result::Result<(), StoreError> {
        let tokens = self.tokens.clone();
        let forget = async move { tokens.delete_many(doc! { "user_id": id }).await };
        let operation = operation(one_time_tokens::NAME, "forget");
        self.store.run(operation, forget).await?;
        Ok(())
    }

    /// Removes an account whose erasure has begun; false if it is gone.
    pub(crate) async fn remove_in(&self, session: &mut ClientSession, id: UserId) -> Result<bool> {
        let erased = doc! { "_id": id, "erasure_began_at": { "$type": "date" } };
        let remove = self.users.delete_one(erased).session(session);
        Ok(remove.await?.deleted_count == 1)
    }

    /// The ids of some documents that match, found by `index`.
    async fn some(
        &self,
        collection: &Collection<Document>,
        filter: Document,
        index: &'static str,
    ) -> std::result::Result<Vec<Bson>, StoreError> {
        let collection = collection.clone();
        let operation = Operation {
            collection: "users",
            name: "left_behind",
        };
        let find = async move {
            let find = collection.find(filter).projection(doc! { "_id": 1 });
            let find = find.hint(Hint::Name(index.to_owned())).limit(STEP);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let found = self.store.run(operation, find).await?;
        let ids = found.into_iter().filter_map(|mut it| it.remove("_id"));
        Ok(ids.collect())
    }
}
