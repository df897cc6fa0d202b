use bson::{Document, doc};
use mongodb::{
    ClientSession,
    error::{Error, Result},
};

use crate::Store;

impl Store {
    /// Sends many updates of a collection as one command, in the transaction of
    /// `session`. Each is a statement as the command `update` takes it: `q` finds
    /// the document, `u` changes it. What none of the documents answers to is
    /// passed over.
    pub async fn update_each(
        &self,
        session: &mut ClientSession,
        collection: &'static str,
        updates: Vec<Document>,
    ) -> Result<()> {
        if updates.is_empty() {
            return Ok(());
        }
        let count = updates.len();
        let command = doc! { "update": collection, "updates": updates };
        let update = self.database.run_command(command);
        let answer = update.session(session).await?;
        // The driver looks for these only in answers to commands of its own.
        match answer.get_array("writeErrors") {
            Ok(errors) if !errors.is_empty() => Err(Error::custom(format!(
                "{} of {count} updates of {collection} failed",
                errors.len(),
            ))),
            _ => Ok(()),
        }
    }
}
