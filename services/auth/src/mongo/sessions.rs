use bson::doc;
use domain::{Session, SessionId, Timestamp, UserId};
use futures_util::TryStreamExt;
use mongodb::{Collection, bson::Document, options::ReturnDocument};
use store::{Operation, Store, StoreError};

/// The collection's name.
pub(crate) const NAME: &str = "sessions";

/// The `sessions` collection.
#[derive(Clone)]
pub(crate) struct SessionStore {
    store: Store,
    sessions: Collection<Session>,
    users: Collection<Document>,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: NAME,
        name,
    }
}

impl SessionStore {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            sessions: store.collection(NAME),
            users: store.collection("users"),
        }
    }

    pub(crate) async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        let insert = self.sessions.insert_one(session);
        self.store.run(operation("insert"), insert).await?;
        Ok(())
    }

    pub(crate) async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let find = self.sessions.find_one(doc! { "_id": id });
        self.store.run(operation("find"), find).await
    }

    /// Revokes one session of `user_id` and returns it; the first time counts.
    pub(crate) async fn revoke(
        &self,
        user_id: UserId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        // A pipeline, because a second logout must not move the moment of the first.
        let first = doc! { "$set": { "revoked_at": { "$ifNull": ["$revoked_at", now] } } };
        let revoke = self
            .sessions
            .find_one_and_update(doc! { "_id": id, "user_id": user_id }, vec![first])
            .return_document(ReturnDocument::After);
        self.store.run(operation("revoke"), revoke).await
    }

    /// Revokes every session of `user_id`, ends older tokens of the
    /// predecessor, and returns all sessions that are revoked and not expired.
    pub(crate) async fn revoke_all(
        &self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let (sessions, users) = (self.sessions.clone(), self.users.clone());
        let revoke = async move |transaction: &mut mongodb::ClientSession| {
            users
                .update_one(
                    doc! { "_id": user_id },
                    doc! { "$set": { "tokens_valid_after": now } },
                )
                .session(&mut *transaction)
                .await?;
            sessions
                .update_many(
                    doc! { "user_id": user_id, "revoked_at": null },
                    doc! { "$set": { "revoked_at": now } },
                )
                .session(&mut *transaction)
                .await?;
            Ok(())
        };
        self.store
            .transaction(operation("revoke_all"), revoke)
            .await?;
        let filter = doc! { "user_id": user_id, "revoked_at": { "$ne": null }, "expires_at": { "$gt": now } };
        let revoked = async { self.sessions.find(filter).await?.try_collect().await };
        self.store.run(operation("find_revoked"), revoked).await
    }

    /// A page of all sessions that are revoked and not expired at `now`, by id.
    pub(crate) async fn revoked_after(
        &self,
        after: Option<SessionId>,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        let mut filter = doc! { "revoked_at": { "$type": "date" }, "expires_at": { "$gt": now } };
        if let Some(after) = after {
            filter.insert("_id", doc! { "$gt": after });
        }
        let page = async {
            self.sessions
                .find(filter)
                .sort(doc! { "_id": 1 })
                .limit(limit)
                .await?
                .try_collect()
                .await
        };
        self.store.run(operation("revoked_after"), page).await
    }
}
