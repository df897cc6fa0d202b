mod life;

use bson::{Document, RawDocument, RawDocumentBuf, doc, serialize_to_bson, serialize_to_document};
use domain::{Standing, Timestamp, User, UserId, UserSettings, Username};
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection, options::ReturnDocument};
use store::{Operation, Store, StoreError, readable};

use super::indexes;
use crate::{AuthError, accounts::UserRef};

/// The `users` collection.
#[derive(Clone)]
pub(crate) struct Users {
    store: Store,
    collection: Collection<User>,
    pub(super) documents: Collection<RawDocumentBuf>,
}

/// Checked changes of an account; `None` is left as it is.
#[derive(Clone, Debug, Default)]
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
            documents: store.collection("users"),
        }
    }

    pub(crate) async fn find_by_email(&self, lower: &str) -> Result<Option<User>, StoreError> {
        let documents = self.documents.clone();
        let filter = doc! { "email_lower": text(lower) };
        let find = async move { documents.find_one(filter).await };
        let document = self.store.run(operation("find_by_email"), find).await?;
        Ok(document.as_deref().and_then(account))
    }

    /// Those of `ids` that exist, in no order.
    pub(crate) async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let filter = doc! { "_id": { "$in": ids } };
        let documents = self.documents.clone();
        let find = async move { documents.find(filter).await?.try_collect().await };
        let documents: Vec<RawDocumentBuf> = self.store.run(operation("find_many"), find).await?;
        Ok(documents.iter().filter_map(|raw| account(raw)).collect())
    }

    /// The account that `target` names, as `session` sees it.
    pub(crate) async fn find_in(
        &self,
        session: &mut ClientSession,
        target: &UserRef,
    ) -> mongodb::error::Result<Option<User>> {
        let filter = match target {
            UserRef::Id(id) => doc! { "_id": *id },
            UserRef::Name(lower) => doc! { "username_lower": text(lower) },
        };
        let document = self.documents.find_one(filter).session(session).await?;
        Ok(document.as_deref().and_then(account))
    }

    /// Those of `ids` that exist as `session` sees them, in no order.
    pub(crate) async fn find_many_in(
        &self,
        session: &mut ClientSession,
        ids: &[UserId],
    ) -> mongodb::error::Result<Vec<User>> {
        let find = self.documents.find(doc! { "_id": { "$in": ids } });
        let mut documents = find.session(&mut *session).await?;
        let documents: Vec<RawDocumentBuf> = documents.stream(session).try_collect().await?;
        Ok(documents.iter().filter_map(|raw| account(raw)).collect())
    }

    /// Notes that a login begins and returns the account, which the caller then
    /// judges. The write makes the transaction collide with any that ends the
    /// logins of the account: one of them comes first.
    pub(crate) async fn begin_login(
        &self,
        session: &mut ClientSession,
        id: UserId,
        now: Timestamp,
    ) -> mongodb::error::Result<Option<User>> {
        let note = doc! { "$set": { "last_login_at": now } };
        let noted = self
            .documents
            .find_one_and_update(doc! { "_id": id }, note)
            .return_document(ReturnDocument::After)
            .session(session)
            .await?;
        Ok(noted.as_deref().and_then(account))
    }

    /// Those whose username, lowercased, is one of `lower`, as `session` sees
    /// them, in no order.
    pub(crate) async fn find_named_in(
        &self,
        session: &mut ClientSession,
        lower: &[String],
    ) -> mongodb::error::Result<Vec<User>> {
        let named = doc! { "username_lower": { "$in": lower, "$type": "string" } };
        let mut documents = self.documents.find(named).session(&mut *session).await?;
        let documents: Vec<RawDocumentBuf> = documents.stream(session).try_collect().await?;
        Ok(documents.iter().filter_map(|raw| account(raw)).collect())
    }

    /// Up to `limit` accounts, those with the most followers first.
    pub(crate) async fn most_followed(
        &self,
        session: &mut ClientSession,
        limit: i64,
    ) -> mongodb::error::Result<Vec<User>> {
        // Of numbers only: an old counter may be anything.
        let some = doc! { "followers_count": { "$gt": 0 } };
        let find = self.documents.find(some).limit(limit);
        let find = find.sort(doc! { "followers_count": -1, "_id": -1 });
        let mut documents = find.session(&mut *session).await?;
        let documents: Vec<RawDocumentBuf> = documents.stream(session).try_collect().await?;
        Ok(documents.iter().filter_map(|raw| account(raw)).collect())
    }

    /// Changes an account in the transaction of `session` and returns it as it
    /// is then. A collision is to be understood with [`taken`].
    pub(crate) async fn change(
        &self,
        session: &mut ClientSession,
        id: UserId,
        changes: UserChanges,
        now: Timestamp,
    ) -> mongodb::error::Result<Option<User>> {
        self.collection
            .find_one_and_update(doc! { "_id": id }, doc! { "$set": changes.into_set(now)? })
            .return_document(ReturnDocument::After)
            .session(session)
            .await
    }

    /// The account of whoever is about to decide about another, if it has the
    /// right to. The write makes the transaction collide with any that takes
    /// that right away.
    pub(crate) async fn begin_decision(
        &self,
        session: &mut ClientSession,
        id: UserId,
    ) -> mongodb::error::Result<Option<User>> {
        let note = doc! { "$inc": { "decisions_count": 1_i64 } };
        let noted = self
            .documents
            .find_one_and_update(
                doc! { "_id": id, "role": { "$in": ["moderator", "admin"] } },
                note,
            )
            .session(session)
            .await?;
        Ok(noted.as_deref().and_then(account))
    }

    /// Changes what moderators decide about an account, and returns it as it
    /// is then.
    pub(crate) async fn set_standing(
        &self,
        session: &mut ClientSession,
        id: UserId,
        standing: Standing,
        now: Timestamp,
    ) -> mongodb::error::Result<Option<User>> {
        let mut set = serialize_to_document(&standing).map_err(mongodb::error::Error::custom)?;
        set.insert("updated_at", now);
        let changed = self
            .documents
            .find_one_and_update(doc! { "_id": id }, doc! { "$set": set })
            .return_document(ReturnDocument::After)
            .session(session)
            .await?;
        Ok(changed.as_deref().and_then(account))
    }

    /// Replaces the password hash, unless it was changed since `old` was read.
    pub(crate) async fn replace_password(
        &self,
        id: UserId,
        old: &str,
        new: &str,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let collection = self.collection.clone();
        let filter = doc! { "_id": id, "password": old };
        let set = doc! { "$set": { "password": new, "updated_at": now } };
        let replace = async move { collection.update_one(filter, set).await };
        self.store
            .run(operation("replace_password"), replace)
            .await?;
        Ok(())
    }
}

/// Matches the text `value`. The type has to be said, or the server does not
/// use an index that is partial by it.
fn text(value: &str) -> Document {
    doc! { "$eq": value, "$type": "string" }
}

/// The account in a document; `auth migrate` names those that cannot be read.
pub(super) fn account(raw: &RawDocument) -> Option<User> {
    readable("users", raw)
}

/// A collision with a unique index is somebody else's e-mail address or username.
pub(crate) fn taken(error: StoreError) -> AuthError {
    match error.duplicate_index() {
        Some(indexes::EMAIL) => AuthError::EmailTaken,
        Some(indexes::USERNAME) => AuthError::UsernameTaken,
        _ => error.into(),
    }
}
