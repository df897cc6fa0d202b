use bson::{Document, doc};
use domain::{Timestamp, User, UserId};
use mongodb::{ClientSession, error::Result, options::ReturnDocument};
use store::StoreError;

use super::{Users, account, operation};

/// How an account begins, is proven, and ends.
impl Users {
    /// Adds an account in the transaction of `session`. A collision is to be
    /// understood with [`super::taken`].
    pub(crate) async fn insert_in(&self, session: &mut ClientSession, user: &User) -> Result<()> {
        self.collection.insert_one(user).session(session).await?;
        Ok(())
    }

    /// Notes that the person reads the mail of the account; the first time counts.
    pub(crate) async fn set_email_verified(
        &self,
        id: UserId,
        now: Timestamp,
    ) -> std::result::Result<(), StoreError> {
        let collection = self.collection.clone();
        let filter = doc! { "_id": id, "email_verified_at": null };
        let set = doc! { "$set": { "email_verified_at": now, "updated_at": now } };
        let verify = async move { collection.update_one(filter, set).await };
        self.store
            .run(operation("set_email_verified"), verify)
            .await?;
        Ok(())
    }

    /// Replaces the password hash `old`; false if it is another one by now.
    pub(crate) async fn change_password_in(
        &self,
        session: &mut ClientSession,
        id: UserId,
        old: &str,
        new: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let filter = doc! { "_id": id, "password": old };
        let set = doc! { "$set": { "password": new, "updated_at": now } };
        let changed = self.collection.update_one(filter, set);
        Ok(changed.session(session).await?.matched_count == 1)
    }

    /// Replaces the password hash of somebody who has shown that they read the
    /// mail of the account, in the transaction of `session`.
    pub(crate) async fn reset_password_in(
        &self,
        session: &mut ClientSession,
        id: UserId,
        new: &str,
        now: Timestamp,
    ) -> Result<()> {
        let reset = doc! { "$set": {
            "password": { "$literal": new },
            "email_verified_at": { "$ifNull": ["$email_verified_at", now] },
            "updated_at": now,
        } };
        let reset = self.collection.update_one(doc! { "_id": id }, vec![reset]);
        reset.session(session).await?;
        Ok(())
    }

    /// Marks an account that is in use as deleted and returns it, in the
    /// transaction of `session`.
    pub(crate) async fn delete_in(
        &self,
        session: &mut ClientSession,
        id: UserId,
        now: Timestamp,
    ) -> Result<Option<User>> {
        let filter = doc! { "_id": id, "status": { "$in": [null, "active"] } };
        let set = doc! { "$set": { "status": "deleted", "deleted_at": now, "updated_at": now } };
        self.change_in(session, filter, set).await
    }

    /// Takes a deletion back and returns the account, in the transaction of
    /// `session`.
    pub(crate) async fn restore_in(
        &self,
        session: &mut ClientSession,
        id: UserId,
        now: Timestamp,
    ) -> Result<Option<User>> {
        let filter = doc! { "_id": id, "status": "deleted" };
        let restore = doc! {
            "$set": { "status": "active", "updated_at": now },
            "$unset": { "deleted_at": "" },
        };
        self.change_in(session, filter, restore).await
    }

    async fn change_in(
        &self,
        session: &mut ClientSession,
        filter: Document,
        change: Document,
    ) -> Result<Option<User>> {
        let changed = self.documents.find_one_and_update(filter, change);
        let changed = changed.return_document(ReturnDocument::After);
        let changed = changed.session(session).await?;
        Ok(changed.as_deref().and_then(account))
    }
}
