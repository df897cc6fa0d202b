use bson::{Document, doc};
use domain::{Block, BlockKind, Id, UserId};
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

    pub(crate) async fn insert(&self, session: &mut ClientSession, block: &Block) -> Result<()> {
        self.blocks.insert_one(block).session(session).await?;
        Ok(())
    }

    /// Removes what one account holds against another; false if there was nothing.
    pub(crate) async fn remove(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        blocked_id: UserId,
        kind: BlockKind,
    ) -> Result<bool> {
        let mut held = of(user_id, kind);
        held.insert("blocked_id", blocked_id);
        let remove = self.blocks.delete_one(held).hint(by_name(indexes::BLOCK));
        Ok(remove.session(session).await?.deleted_count == 1)
    }

    /// Up to `limit` of what `user_id` holds against others, newest first, behind `after`.
    pub(crate) async fn page(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        kind: BlockKind,
        after: Option<Id<Block>>,
        limit: usize,
    ) -> Result<Vec<Block>> {
        let mut held = of(user_id, kind);
        if let Some(after) = after {
            held.insert("_id", doc! { "$lt": after });
        }
        let find = self.blocks.find(held).sort(doc! { "_id": -1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let find = find.batch_size(u32::try_from(limit).unwrap_or(u32::MAX));
        let find = find.hint(by_name(indexes::BLOCKS));
        let mut blocks = find.session(&mut *session).await?;
        blocks.stream(session).try_collect().await
    }
}

fn of(user_id: UserId, kind: BlockKind) -> Document {
    doc! { "user_id": user_id, "kind": kind }
}
