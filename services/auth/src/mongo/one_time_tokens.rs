use bson::{Binary, Document, doc, spec::BinarySubtype};
use domain::{Id, Timestamp, UserId};
use mongodb::{ClientSession, Collection};
use serde::{Deserialize, Serialize};
use store::{Operation, Store, StoreError};

/// The collection's name.
pub(crate) const NAME: &str = "one_time_tokens";

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenPurpose {
    VerifyEmail,
    ResetPassword,
}

impl TokenPurpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }
}

/// A token that was sent to somebody. Only its digest is stored: whoever reads
/// the database can do nothing with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredToken {
    #[serde(rename = "_id")]
    pub(crate) id: Id<StoredToken>,
    pub(crate) user_id: UserId,
    pub(crate) purpose: TokenPurpose,
    /// SHA-256.
    pub(crate) digest: Binary,
    /// MongoDB deletes the document some time after.
    pub(crate) expires_at: Timestamp,
}

/// The `one_time_tokens` collection.
#[derive(Clone)]
pub(crate) struct TokenStore {
    store: Store,
    tokens: Collection<StoredToken>,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: NAME,
        name,
    }
}

impl TokenStore {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            tokens: store.collection(NAME),
        }
    }

    pub(crate) async fn insert(&self, token: StoredToken) -> Result<(), StoreError> {
        let tokens = self.tokens.clone();
        let insert = async move { tokens.insert_one(token).await };
        self.store.run(operation("insert"), insert).await?;
        Ok(())
    }

    /// Whose token this is, if it is good at `now`.
    pub(crate) async fn find(
        &self,
        digest: [u8; 32],
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        let tokens = self.tokens.clone();
        let find = async move { tokens.find_one(good(digest, purpose, now)).await };
        let found = self.store.run(operation("find"), find).await?;
        Ok(found.map(|token| token.user_id))
    }

    /// As [`TokenStore::find`], and uses the token up with all others of its
    /// owner for the same purpose, in the transaction of `session`.
    pub(crate) async fn take_in(
        &self,
        session: &mut ClientSession,
        digest: [u8; 32],
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> mongodb::error::Result<Option<UserId>> {
        let token = self.tokens.find_one(good(digest, purpose, now));
        let Some(token) = token.session(&mut *session).await? else {
            return Ok(None);
        };
        let theirs = doc! { "user_id": token.user_id, "purpose": purpose.as_str() };
        self.tokens.delete_many(theirs).session(session).await?;
        Ok(Some(token.user_id))
    }
}

fn good(digest: [u8; 32], purpose: TokenPurpose, now: Timestamp) -> Document {
    let digest = Binary {
        subtype: BinarySubtype::Generic,
        bytes: digest.into(),
    };
    doc! { "digest": digest, "purpose": purpose.as_str(), "expires_at": { "$gt": now } }
}
