use domain::{Block, UserId};
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection, error::Result};
use store::Store;

use super::{
    follows::{by_name, either_way},
    indexes,
};

/// The collection's name.
pub(crate) const NAME: &str = "blocks";

/// The `blocks` collection: who does not want to see whom.
#[derive(Clone)]
pub(crate) struct Blocks {
    blocks: Collection<Block>,
}

impl Blocks {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            blocks: store.collection(NAME),
        }
    }

    /// What `user_id` holds against any of `others`, and any of them against it.
    pub(crate) async fn between(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        others: &[UserId],
    ) -> Result<Vec<Block>> {
        let filter = either_way(("user_id", "blocked_id"), user_id, others);
        let find = self.blocks.find(filter).hint(by_name(indexes::BLOCK));
        let mut blocks = find.session(&mut *session).await?;
        blocks.stream(session).try_collect().await
    }
}
