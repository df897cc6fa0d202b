//! Pages of feeds as they were answered, kept in Redis for a minute.
//!
//! A page is served only if nothing it was made of has changed: the stamp of
//! the feed is the one that was there before its making began, so are those of
//! the authors that were merged into it, and none of its posts and authors was
//! touched since. One call decides that. It is kept by compare and set on the
//! stamp of the feed, so that a page that was overtaken while it was made is
//! not kept.

mod encoding;

use std::sync::LazyLock;

use cache::{Cache, CacheError, Epoch, keys, redis::Script};
use domain::UserId;

use crate::stamps::{STAMP_LIFE, Stamp, fresh_stamp};

pub(crate) use encoding::{KeptPage, ShownPost};

/// Seconds for which a page is kept.
const LIFE: u64 = 60;

static FIND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("feed_pages/find.lua")));
static STORE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("feed_pages/store.lua")));

/// The pages of everybody's feed.
#[derive(Clone)]
pub(crate) struct FeedPages {
    cache: Cache,
}

/// What is known before a page is made; what changes later shows in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Making {
    pub(super) epoch: Epoch,
    /// Of the feed.
    pub(super) stamp: Stamp,
    /// Microseconds of Redis.
    pub(super) began: u64,
    /// When something was touched last.
    touched: u64,
}

/// What is kept of a page of a feed.
pub(crate) struct Found {
    /// For making it again.
    pub(crate) making: Making,
    /// Whether its reader has lately asked for something that it may not show yet.
    pub(crate) has_intents: bool,
    pub(crate) page: Option<KeptPage>,
}

/// What `find.lua` returns.
type Answer = (Stamp, u64, u64, bool, Option<Vec<u8>>);

impl Making {
    /// What two who make the same page at the same time have in common, if the
    /// one may have what the other has made.
    pub(crate) fn occasion(&self) -> (Stamp, u64) {
        (self.stamp, self.touched)
    }
}

impl FeedPages {
    pub(crate) fn new(cache: &Cache) -> Self {
        Self {
            cache: cache.clone(),
        }
    }

    /// The page `number` of the feed of `user_id`; `None` without Redis.
    pub(crate) async fn find(&self, user_id: UserId, number: usize) -> Option<Found> {
        let epoch = self.cache.epoch()?;
        let found = FIND
            .key(keys::feed_page(user_id, number))
            .key(keys::feed_version(user_id))
            .key(keys::FEED_TOUCHED)
            .key(keys::like_intents(user_id))
            .arg(epoch)
            .arg(fresh_stamp().as_slice())
            .arg(STAMP_LIFE)
            .invoke_async::<Answer>(&mut self.cache.shared())
            .await;
        let (stamp, began, touched, has_intents, page) = found
            .inspect_err(|error| tracing::debug!(%error, "no page without redis"))
            .ok()?;
        Some(Found {
            making: Making {
                epoch,
                stamp,
                began,
                touched,
            },
            has_intents,
            page: page.and_then(KeptPage::decode),
        })
    }

    /// Keeps a page, unless its feed has changed since its making began.
    pub(crate) async fn store(
        &self,
        user_id: UserId,
        number: usize,
        making: &Making,
        page: &KeptPage,
    ) -> Result<(), CacheError> {
        STORE
            .key(keys::feed_page(user_id, number))
            .key(keys::feed_version(user_id))
            .arg(making.stamp.as_slice())
            .arg(page.encode(making))
            .arg(LIFE)
            .arg(STAMP_LIFE)
            .invoke_async::<()>(&mut self.cache.shared())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
