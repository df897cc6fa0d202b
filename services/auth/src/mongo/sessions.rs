use bson::doc;
use domain::{Session, SessionId, Timestamp, UserId};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{ClientSession, Collection, bson::Document, options::ReturnDocument};
use store::{Operation, Store, StoreError};

use super::{follows::by_name, indexes};

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

    /// Adds a session in the transaction of `transaction`.
    pub(crate) async fn insert_in(
        &self,
        transaction: &mut ClientSession,
        session: &Session,
    ) -> mongodb::error::Result<()> {
        let insert = self.sessions.insert_one(session);
        insert.session(transaction).await?;
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
        let this = self.clone();
        self.store
            .transaction(operation("revoke_all"), move |transaction| {
                let this = this.clone();
                async move { this.revoke_all_in(transaction, user_id, now).await }.boxed()
            })
            .await?;
        self.revoked_of(user_id, now).await
    }

    /// Revokes every session of `user_id` and ends older tokens of the
    /// predecessor, in the transaction of `transaction`.
    pub(crate) async fn revoke_all_in(
        &self,
        transaction: &mut ClientSession,
        user_id: UserId,
        now: Timestamp,
    ) -> mongodb::error::Result<()> {
        let alive = doc! { "user_id": user_id, "revoked_at": null };
        self.revoke_in(transaction, user_id, alive, now).await
    }

    /// Revokes every session of `user_id` but one, and ends older tokens of the
    /// predecessor, in the transaction of `transaction`.
    pub(crate) async fn revoke_others_in(
        &self,
        transaction: &mut ClientSession,
        user_id: UserId,
        kept: SessionId,
        now: Timestamp,
    ) -> mongodb::error::Result<()> {
        let others = doc! { "user_id": user_id, "revoked_at": null, "_id": { "$ne": kept } };
        self.revoke_in(transaction, user_id, others, now).await
    }

    async fn revoke_in(
        &self,
        transaction: &mut ClientSession,
        user_id: UserId,
        alive: Document,
        now: Timestamp,
    ) -> mongodb::error::Result<()> {
        let end_older = doc! { "$set": { "tokens_valid_after": now } };
        self.users
            .update_one(doc! { "_id": user_id }, end_older)
            .session(&mut *transaction)
            .await?;
        self.sessions
            .update_many(alive, doc! { "$set": { "revoked_at": now } })
            .session(transaction)
            .await?;
        Ok(())
    }

    /// Up to `limit` sessions of `user_id` that are alive at `now`, newest first,
    /// beginning behind `after`.
    pub(crate) async fn alive(
        &self,
        user_id: UserId,
        after: Option<(Timestamp, SessionId)>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Session>, StoreError> {
        let mut filter = doc! {
            "user_id": user_id,
            "revoked_at": null,
            "expires_at": { "$gt": now },
        };
        if let Some((at, id)) = after {
            let earlier = doc! { "created_at": { "$lt": at } };
            let same_moment = doc! { "created_at": at, "_id": { "$lt": id } };
            filter.insert("created_at", doc! { "$lte": at });
            filter.insert("$or", [earlier, same_moment].to_vec());
        }
        let sessions = self.sessions.clone();
        let alive = async move {
            let alive = sessions.find(filter);
            let alive = alive.hint(by_name(indexes::NEWEST_SESSIONS));
            let alive = alive.sort(doc! { "created_at": -1, "_id": -1 });
            let alive = alive.limit(i64::try_from(limit).unwrap_or(i64::MAX));
            alive.await?.try_collect().await
        };
        self.store.run(operation("alive"), alive).await
    }

    /// Notes that sessions were seen `now`, unless they were after `before`.
    pub(crate) async fn set_seen(
        &self,
        ids: Vec<SessionId>,
        now: Timestamp,
        before: Timestamp,
    ) -> Result<(), StoreError> {
        let sessions = self.sessions.clone();
        let filter = doc! { "_id": { "$in": ids }, "last_seen_at": { "$lt": before } };
        let set = doc! { "$set": { "last_seen_at": now } };
        let note = async move { sessions.update_many(filter, set).await };
        self.store.run(operation("set_seen"), note).await?;
        Ok(())
    }

    /// All sessions of `user_id` that are revoked and not expired.
    pub(crate) async fn revoked_of(
        &self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
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
