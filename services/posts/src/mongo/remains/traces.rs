//! What was kept about an account beside what it made.

use bson::{Document, doc};
use domain::UserId;
use store::{Operation, StoreError};

use super::Remains;
use crate::mongo::indexes::{FANOUT_MODES, LIKE_TOMBSTONES, POST_COUNTS};

impl Remains {
    /// Removes what was kept about `user_id`: few documents, most of which
    /// would run out by themselves.
    pub(crate) async fn remove_traces(&self, user_id: UserId) -> Result<(), StoreError> {
        for (collection, key) in [
            (POST_COUNTS, "_id"),
            (FANOUT_MODES, "_id"),
            (LIKE_TOMBSTONES, "user_id"),
        ] {
            let documents = self.store.collection::<Document>(collection);
            let remove = async move { documents.delete_many(doc! { key: user_id }).await };
            let operation = Operation {
                collection,
                name: "remove_traces",
            };
            self.store.run(operation, remove).await?;
        }
        self.answers.forget(user_id).await
    }
}
