use std::time::Duration;

use domain::{SessionId, UserId, search_words};
use mongodb::bson::{Document, doc, oid::ObjectId};
use runtime::{Clock, SystemClock};

use crate::{Deployment, User};

/// How long their tokens are good for.
const LIFETIME: Duration = Duration::from_hours(1);
/// Documents that are written at once.
const CHUNK: usize = 1_000;

impl Deployment {
    /// `size` people like `model`, each logged in at the door that `model` came
    /// by. They are not registered one by one, since a password takes its time.
    pub async fn crowd(&self, model: &User, size: usize) -> Vec<User> {
        let id = ObjectId::parse_str(&model.id).expect("an id of MongoDB");
        let account = self.find("users", doc! { "_id": id }).await;
        let session = self.find("sessions", doc! { "user_id": id }).await;
        let signer = self.signer();
        let (mut people, mut accounts, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..size {
            let (user_id, session_id) = (UserId::generate(), SessionId::generate());
            let token = signer.issue(user_id, session_id, SystemClock.now(), LIFETIME);
            let person = model.double(n, user_id, token.expect("a token").0);
            let (mut account, mut session) = (account.clone(), session.clone());
            account.insert("_id", user_id);
            for field in ["username", "username_lower"] {
                account.insert(field, &person.username);
            }
            account.insert("search_words", search_words(&person.username));
            for field in ["email", "email_lower"] {
                account.insert(field, &person.email);
            }
            account.insert("search_words", search_words(&person.username));
            session.insert("_id", session_id);
            session.insert("user_id", user_id);
            accounts.push(account);
            sessions.push(session);
            people.push(person);
        }
        for (name, documents) in [("users", accounts), ("sessions", sessions)] {
            let collection = self.sandbox().mongodb().collection::<Document>(name);
            for chunk in documents.chunks(CHUNK) {
                collection.insert_many(chunk).await.expect("an insert");
            }
        }
        people
    }

    async fn find(&self, collection: &str, filter: Document) -> Document {
        let documents = self.sandbox().mongodb().collection(collection);
        let found = documents.find_one(filter).await.expect("an answer");
        found.unwrap_or_else(|| panic!("the model is not in {collection}"))
    }
}
