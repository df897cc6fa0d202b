use bson::{Document, doc, serialize_to_bson};
use domain::{Session, Timestamp, User, UserId, UserSettings, Username};
use futures_util::TryStreamExt;
use mongodb::{Collection, options::ReturnDocument};
use store::{Operation, Store, StoreError};

use super::{indexes, sessions};
use crate::AuthError;

/// The `users` collection.
#[derive(Clone)]
pub(crate) struct Users {
    store: Store,
    collection: Collection<User>,
    sessions: Collection<Session>,
}

/// Checked changes of an account; `None` is left as it is.
#[derive(Debug, Default)]
pub(crate) struct UserChanges {
    pub(crate) full_name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) avatar_url: Option<Option<String>>,
    pub(crate) username: Option<Username>,
    pub(crate) is_private: Option<bool>,
    pub(crate) settings: Option<UserSettings>,
}

impl UserChanges {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(
            self,
            Self {
                full_name: None,
                bio: None,
                avatar_url: None,
                username: None,
                is_private: None,
                settings: None,
            }
        )
    }

    fn into_set(self, now: Timestamp) -> mongodb::error::Result<Document> {
        let mut set = doc! { "updated_at": now };
        if let Some(full_name) = self.full_name {
            set.insert("full_name", full_name);
        }
        if let Some(bio) = self.bio {
            set.insert("bio", bio);
        }
        if let Some(avatar_url) = self.avatar_url {
            set.insert("avatar_url", avatar_url);
        }
        if let Some(username) = self.username {
            set.insert("username", username.as_str());
            set.insert("username_lower", username.as_str());
        }
        if let Some(is_private) = self.is_private {
            set.insert("is_private", is_private);
        }
        if let Some(settings) = self.settings {
            let settings = serialize_to_bson(&settings).map_err(mongodb::error::Error::custom)?;
            set.insert("settings", settings);
        }
        Ok(set)
    }
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "users",
        name,
    }
}

impl Users {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            collection: store.collection("users"),
            sessions: store.collection(sessions::NAME),
        }
    }

    /// Stores a new account and its first session, both or neither.
    pub(crate) async fn insert_with_session(
        &self,
        user: &User,
        session: &Session,
    ) -> Result<(), AuthError> {
        let (users, sessions) = (self.collection.clone(), self.sessions.clone());
        let (user, session) = (user.clone(), session.clone());
        let insert = async move |transaction: &mut mongodb::ClientSession| {
            users.insert_one(&user).session(&mut *transaction).await?;
            sessions
                .insert_one(&session)
                .session(&mut *transaction)
                .await?;
            Ok(())
        };
        self.store
            .transaction(operation("insert_with_session"), insert)
            .await
            .map_err(taken)
    }

    pub(crate) async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let find = self.collection.find_one(doc! { "_id": id });
        self.store.run(operation("find"), find).await
    }

    pub(crate) async fn find_by_name(&self, lower: &str) -> Result<Option<User>, StoreError> {
        let find = self.collection.find_one(doc! { "username_lower": lower });
        self.store.run(operation("find_by_name"), find).await
    }

    pub(crate) async fn find_by_email(&self, lower: &str) -> Result<Option<User>, StoreError> {
        let find = self.collection.find_one(doc! { "email_lower": lower });
        self.store.run(operation("find_by_email"), find).await
    }

    /// Those of `ids` that exist, in no order.
    pub(crate) async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let filter = doc! { "_id": { "$in": ids } };
        let find = async { self.collection.find(filter).await?.try_collect().await };
        self.store.run(operation("find_many"), find).await
    }

    /// Changes an account and returns it as it is then.
    pub(crate) async fn change(
        &self,
        id: UserId,
        changes: UserChanges,
        now: Timestamp,
    ) -> Result<Option<User>, AuthError> {
        let change = async {
            self.collection
                .find_one_and_update(doc! { "_id": id }, doc! { "$set": changes.into_set(now)? })
                .return_document(ReturnDocument::After)
                .await
        };
        self.store
            .run(operation("change"), change)
            .await
            .map_err(taken)
    }

    /// Replaces the password hash, unless it was changed since `old` was read.
    pub(crate) async fn replace_password(
        &self,
        id: UserId,
        old: &str,
        new: &str,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let replace = self.collection.update_one(
            doc! { "_id": id, "password": old },
            doc! { "$set": { "password": new, "updated_at": now } },
        );
        self.store
            .run(operation("replace_password"), replace)
            .await?;
        Ok(())
    }
}

/// A collision with a unique index is somebody else's e-mail address or username.
fn taken(error: StoreError) -> AuthError {
    match error.duplicate_index() {
        Some(indexes::EMAIL) => AuthError::EmailTaken,
        Some(indexes::USERNAME) => AuthError::UsernameTaken,
        _ => error.into(),
    }
}
