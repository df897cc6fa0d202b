use bson::doc;
use domain::{Session, SessionId, Timestamp, UserId};
use futures_util::{FutureExt, TryStreamExt};
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
        let (sessions, session) = (self.sessions.clone(), session.clone());
        let insert = async move { sessions.insert_one(session).await };
        self.store.run(operation("insert"), insert).await?;
        Ok(())
    }

    pub(crate) async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let sessions = self.sessions.clone();
        let find = async move { sessions.find_one(doc! { "_id": id }).await };
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
        let sessions = self.sessions.clone();
        let revoke = async move {
            sessions
                .find_one_and_update(doc! { "_id": id, "user_id": user_id }, vec![first])
                .return_document(ReturnDocument::After)
                .await
        };
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
        self.store
            .transaction(operation("revoke_all"), move |transaction| {
                let (sessions, users) = (sessions.clone(), users.clone());
                async move {
                    let end_older = doc! { "$set": { "tokens_valid_after": now } };
                    users
                        .update_one(doc! { "_id": user_id }, end_older)
                        .session(&mut *transaction)
                        .await?;
                    let alive = doc! { "user_id": user_id, "revoked_at": null };
                    sessions
                        .update_many(alive, doc! { "$set": { "revoked_at": now } })
                        .session(&mut *transaction)
                        .await?;
                    Ok(())
                }
                .boxed()
            })
            .await?;
        let revoked = doc! {
            "user_id": user_id,
            "revoked_at": { "$ne": null },
            "expires_at": { "$gt": now },
        };
        let sessions = self.sessions.clone();
        let find = async move { sessions.find(revoked).await?.try_collect().await };
        self.store.run(operation("find_revoked"), find).await
    }

    /// A page of the sessions that were revoked at `since` or later and are not
    /// expired at `now`, by moment and id, beginning behind `after`.
    pub(crate) async fn revoked(
        &self,
        since: Timestamp,
        after: Option<(Timestamp, SessionId)>,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        let mut filter = doc! {
            // The type is that of the partial index, which is not used without it.
            "revoked_at": { "$gte": since, "$type": "date" },
            "expires_at": { "$gt": now },
        };
        if let Some((at, id)) = after {
            let later = doc! { "revoked_at": { "$gt": at } };
            let same_moment = doc! { "revoked_at": at, "_id": { "$gt": id } };
            filter.insert("$or", [later, same_moment].to_vec());
        }
        let sessions = self.sessions.clone();
        let page = async move {
            let page = sessions.find(filter);
            let page = page.sort(doc! { "revoked_at": 1, "_id": 1 }).limit(limit);
            page.await?.try_collect().await
        };
        self.store.run(operation("revoked"), page).await
    }
}
