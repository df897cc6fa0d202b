//! Whom an account blocks and mutes.

use domain::{Block, BlockKind, Id, Timestamp, UserId, visibility::Sight};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use store::Operation;
use web::{Filling, Paging};

use crate::{
    AuthError,
    accounts::UserRef,
    relations::{LOOKED_AT_MAX, Related, Relations, viewer},
};

/// The place of an item in a list: the block.
pub(crate) type Position = Id<Block>;

/// An account that is blocked or muted.
pub(crate) struct Held {
    pub(crate) related: Related,
    pub(crate) since: Timestamp,
}

/// A part of a list, and where it goes on.
pub(crate) type Page = (Vec<Held>, Option<Position>);

/// Reads the lists. Somebody who cannot be seen at the moment (suspended, or
/// blocks the caller as well) is left out, and back in the list when they are.
#[derive(Clone)]
pub(crate) struct BlockLists {
    pub(crate) relations: Relations,
}

impl BlockLists {
    /// A page of those whom `user_id` holds `kind` against, newest first, as it
    /// is at one moment.
    pub(crate) async fn page(
        &self,
        user_id: UserId,
        kind: BlockKind,
        paging: &Paging<Position>,
    ) -> std::result::Result<Page, AuthError> {
        let (lists, paging) = (self.clone(), paging.clone());
        let operation = Operation {
            collection: "blocks",
            name: "page",
        };
        let page = self.relations.store.snapshot(operation, move |session| {
            let (lists, paging) = (lists.clone(), paging.clone());
            async move { lists.page_in(session, user_id, kind, &paging).await }.boxed()
        });
        page.await?
    }

    async fn page_in(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        kind: BlockKind,
        paging: &Paging<Position>,
    ) -> Result<std::result::Result<Page, AuthError>> {
        let relations = &self.relations;
        let own = UserRef::Id(user_id);
        let viewer = match viewer(relations.users.find_in(&mut *session, &own).await?) {
            Ok(viewer) => viewer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut page = Filling::new(paging);
        let mut after = paging.after().copied();
        let mut left = paging.skipped() + LOOKED_AT_MAX;
        loop {
            let wanted = page.wanted();
            let blocks = &relations.blocks;
            let held = blocks.page(&mut *session, user_id, kind, after, wanted);
            let held = held.await?;
            let ids: Vec<UserId> = held.iter().map(|block| block.blocked_id).collect();
            let mut related = relations.among(&mut *session, user_id, &ids).await?;
            for block in &held {
                let related = related.remove(&block.blocked_id);
                let related = related.filter(|it| it.is_visible_to(&viewer, Sight::Profile));
                if let Some(related) = related {
                    let since = block.created_at;
                    page.add(block.id, Held { related, since });
                }
            }
            left = left.saturating_sub(wanted);
            match held.last().map(|block| block.id) {
                _ if held.len() < wanted || page.is_done() => return Ok(Ok(page.finish())),
                Some(last) if left == 0 => return Ok(Ok(page.pause(last))),
                last => after = last,
            }
        }
    }
}
