//! People who like things.

use std::time::Duration;

use anyhow::Context;
use bson::{Document, doc, oid::ObjectId};
use contracts::rpc::CREDENTIAL_HEADER;
use domain::{SessionId, UserId};
use runtime::{Clock, SystemClock};
use serde::Serialize;
use serde_json::Value;
use store::{Store, mongodb};
use tokens::Signer;

use crate::{http::Request, stack::CREDENTIAL};

/// How long their tokens hold.
const HOUR: Duration = Duration::from_hours(1);
/// How many are stored in one command.
const CHUNK: usize = 5_000;

/// Somebody with an account, logged in.
pub(crate) struct Person {
    /// Who.
    pub(crate) id: UserId,
    /// The `Authorization` header of their requests.
    pub(crate) bearer: String,
    /// Where they are.
    pub(crate) address: String,
}

impl Person {
    /// What they ask, so that the gateway takes it as well as a service behind it.
    pub(crate) fn request(&self, method: &str, path: &str, json: &str) -> Request {
        let headers = [
            ("Authorization", self.bearer.as_str()),
            ("X-Forwarded-For", self.address.as_str()),
            (CREDENTIAL_HEADER, CREDENTIAL),
        ];
        Request::new(method, path, &headers, json)
    }
}

/// Somebody who has registered as people do.
pub(crate) struct Author(pub(crate) Person);

impl Author {
    /// From the answer to a registration.
    pub(crate) fn from_answer(answer: &Value) -> anyhow::Result<Self> {
        let text = |pointer| answer.pointer(pointer).and_then(Value::as_str);
        let id = text("/user/_id").context("no id in the answer")?;
        let token = text("/token").context("no token in the answer")?;
        Ok(Self(Person {
            id: id.parse()?,
            bearer: format!("Bearer {token}"),
            address: "10.255.0.1".to_owned(),
        }))
    }
}

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The e-mail address of the person that [`plant`] made as number `n`.
pub(crate) fn email(n: u32) -> String {
    format!("fan_{n}@example.org")
}

/// Makes `count` people like `model`, logged in. They do not register, since a
/// password takes its time.
pub(crate) async fn plant(
    store: &Store,
    signer: &Signer,
    model: &Author,
    count: u32,
) -> anyhow::Result<Vec<Person>> {
    let find = async |name: &str, filter: Document| {
        let documents = store.collection::<Document>(name);
        let found = documents.find_one(filter).await?;
        anyhow::Ok(found.context("the model has no document")?)
    };
    let account = find("users", doc! { "_id": model.0.id }).await?;
    let session = find("sessions", doc! { "user_id": model.0.id }).await?;
    let (mut people, mut accounts, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
    let now = SystemClock.now();
    for n in 0..count {
        let [user, login] = [(); 2].map(|()| ObjectId::new());
        let (mut account, mut session) = (account.clone(), session.clone());
        account.insert("_id", user);
        for field in ["username", "username_lower"] {
            account.insert(field, format!("fan_{n}"));
        }
        account.insert("search_words", vec![format!("fan_{n}")]);
        for field in ["email", "email_lower"] {
            account.insert(field, email(n));
        }
        session.insert("_id", login);
        session.insert("user_id", user);
        accounts.push(account);
        sessions.push(session);
        let (token, _) = signer.issue(user.into(), SessionId::from(login), now, HOUR)?;
        let [_, high, middle, low] = n.to_be_bytes();
        people.push(Person {
            id: user.into(),
            bearer: format!("Bearer {token}"),
            address: format!("10.{high}.{middle}.{low}"),
        });
    }
    insert(store, "users", &accounts).await?;
    insert(store, "sessions", &sessions).await?;
    Ok(people)
}

/// Stores `documents` in the collection `name`.
pub(crate) async fn insert<T: Serialize + Send + Sync>(
    store: &Store,
    name: &str,
    documents: &[T],
) -> mongodb::error::Result<()> {
    for chunk in documents.chunks(CHUNK) {
        store.collection::<T>(name).insert_many(chunk).await?;
    }
    Ok(())
}
