use std::time::Duration;

use bson::doc;
use domain::{Id, Timestamp, UserId};
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection};
use serde::{Deserialize, Serialize};
use store::{Operation, Store, StoreError, Wakeup};

/// The collection's name.
pub(crate) const NAME: &str = "mails";

/// Why somebody gets a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MailPurpose {
    VerifyEmail,
    ResetPassword,
    PasswordChanged,
    AccountDeleted,
}

/// Who gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Recipient {
    /// An account, at the address that it has when the mail is sent.
    UserId(UserId),
    /// The account with this address, in lower case, if there is one: whoever
    /// asks for it must not learn that from the time it takes to look.
    EmailLower(String),
}

/// A mail that is to be sent. It has no secret in it: what carries one gets it
/// when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mail {
    #[serde(rename = "_id")]
    pub(crate) id: Id<Mail>,
    pub(crate) purpose: MailPurpose,
    pub(crate) to: Recipient,
    pub(crate) created_at: Timestamp,
    pub(crate) next_attempt_at: Timestamp,
    /// How often it was tried.
    pub(crate) attempts: i32,
}

impl Mail {
    pub(crate) fn new(purpose: MailPurpose, to: Recipient, now: Timestamp) -> Self {
        Self {
            id: Id::generate(),
            purpose,
            to,
            created_at: now,
            next_attempt_at: now,
            attempts: 0,
        }
    }
}

/// The `mails` collection: what is to be sent, written in the transaction of
/// its cause and removed when it is away.
#[derive(Clone)]
pub(crate) struct Mails {
    store: Store,
    waiting: Collection<Mail>,
    written: Wakeup,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: NAME,
        name,
    }
}

impl Mails {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            waiting: store.collection(NAME),
            written: Wakeup::default(),
        }
    }

    /// Adds a mail in the transaction of `session`. Call [`Mails::wake`] after
    /// the commit.
    pub(crate) async fn insert_in(
        &self,
        session: &mut ClientSession,
        mail: &Mail,
    ) -> mongodb::error::Result<()> {
        self.waiting.insert_one(mail).session(session).await?;
        Ok(())
    }

    /// Adds a mail that nothing else is the cause of.
    pub(crate) async fn insert(&self, mail: Mail) -> Result<(), StoreError> {
        let mails = self.waiting.clone();
        let insert = async move { mails.insert_one(mail).await };
        self.store.run(operation("insert"), insert).await?;
        self.wake();
        Ok(())
    }

    /// Tells whoever sends in this process that there is something to send.
    pub(crate) fn wake(&self) {
        self.written.wake();
    }

    /// Resolves at the next [`Mails::wake`], or after `longest`: the commit may
    /// have been that of another replica.
    pub(crate) async fn written(&self, longest: Duration) {
        self.written.wait(longest).await;
    }

    /// Up to `limit` mails whose time has come, those that wait longest first.
    pub(crate) async fn due(&self, now: Timestamp, limit: i64) -> Result<Vec<Mail>, StoreError> {
        let mails = self.waiting.clone();
        let find = async move {
            let due = mails.find(doc! { "next_attempt_at": { "$lte": now } });
            let sorted = due.sort(doc! { "next_attempt_at": 1, "_id": 1 });
            sorted.limit(limit).await?.try_collect().await
        };
        self.store.run(operation("due"), find).await
    }

    /// Leaves a mail for later.
    pub(crate) async fn postpone(
        &self,
        id: Id<Mail>,
        next_attempt_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mails = self.waiting.clone();
        let later = doc! {
            "$set": { "next_attempt_at": next_attempt_at },
            "$inc": { "attempts": 1 },
        };
        let postpone = async move { mails.update_one(doc! { "_id": id }, later).await };
        self.store.run(operation("postpone"), postpone).await?;
        Ok(())
    }

    /// Removes a mail that is away, or is not to be sent.
    pub(crate) async fn remove(&self, id: Id<Mail>) -> Result<(), StoreError> {
        let mails = self.waiting.clone();
        let remove = async move { mails.delete_one(doc! { "_id": id }).await };
        self.store.run(operation("remove"), remove).await?;
        Ok(())
    }
}
