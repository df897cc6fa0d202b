//! Pages of feeds as they were answered, kept in Redis for a minute.
//!
//! A page is served only if nothing it was made of has changed: the stamp of
//! the feed is the one that was there before its making began, so are those of
//! the authors that were merged into it, and none of its posts and authors was
//! touched since. Most often one round trip decides that, by plain commands: a
//! script would copy the page once more. It is kept by compare and set on the
//! stamp of the feed, so that a page that was overtaken while it was made is
//! not kept.

mod encoding;

use std::sync::LazyLock;

use cache::{
    Cache, CacheError, Epoch, keys,
    redis::{self, Script},
};
use domain::UserId;

use crate::stamps::{STAMP_LIFE, Stamp, fresh_stamp};

pub(crate) use encoding::{KeptPage, ShownPost};

/// Seconds for which a page is kept.
const LIFE: u64 = 60;

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
pub(crate) enum Found {
    /// One that is still good.
    Hit {
        page: KeptPage,
        /// Whether its reader has lately asked for something that it may not show.
        has_intents: bool,
    },
    /// Nothing; it is to be made.
    Miss { making: Making, has_intents: bool },
}

/// A page and the stamp of its feed.
type Kept = (Option<Vec<u8>>, Option<Stamp>);

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
        let found = self.look(user_id, number).await;
        found
            .inspect_err(|error| tracing::debug!(%error, "no page without redis"))
            .ok()
            .flatten()
    }

    /// What holds when the stamp is read holds for the request: whatever
    /// changes later has happened beside it.
    async fn look(&self, user_id: UserId, number: usize) -> Result<Option<Found>, CacheError> {
        let Some(epoch) = self.cache.epoch() else {
            return Ok(None);
        };
        let mut pipeline = redis::pipe();
        pipeline
            .mget(&[
                keys::feed_page(user_id, number),
                keys::feed_version(user_id),
            ])
            .zrange_withscores(keys::FEED_TOUCHED, -1, -1)
            .exists(keys::like_intents(user_id));
        let (kept, touched, has_intents): (Kept, Vec<(Vec<u8>, u64)>, bool) =
            pipeline.query_async(&mut self.cache.shared()).await?;
        let touched = touched.first().map(|last| last.1).unwrap_or_default();
        if let (Some(page), Some(stamp)) = kept
            && let Some((page, began)) = KeptPage::decode(page, epoch, stamp)
            && self.holds(&page, began, touched).await?
        {
            return Ok(Some(Found::Hit { page, has_intents }));
        }
        let making = self.begin(user_id, epoch, touched).await?;
        Ok(Some(Found::Miss {
            making,
            has_intents,
        }))
    }

    /// Whether nothing has changed of a page whose stamp is good. Nothing was
    /// touched after `touched`.
    async fn holds(&self, page: &KeptPage, began: u64, touched: u64) -> Result<bool, CacheError> {
        if !page.merged.is_empty() {
            let keys = page.merged.iter().map(|(it, _)| keys::author_version(*it));
            let stamps: Vec<Option<Stamp>> = redis::cmd("MGET")
                .arg(keys.collect::<Vec<_>>())
                .query_async(&mut self.cache.shared())
                .await?;
            let seen = page.merged.iter().map(|(_, seen)| Some(*seen));
            if !seen.eq(stamps) {
                return Ok(false);
            }
        }
        if touched < began || page.posts.is_empty() {
            return Ok(true);
        }
        let mut scores = redis::cmd("ZMSCORE");
        scores.arg(keys::FEED_TOUCHED);
        for post in &page.posts {
            scores.arg(post.id.oid().bytes().as_slice());
            scores.arg(post.author.oid().bytes().as_slice());
        }
        let touched: Vec<Option<u64>> = scores.query_async(&mut self.cache.shared()).await?;
        Ok(touched.into_iter().flatten().all(|at| at < began))
    }

    /// What there is before a page is made; a feed without a stamp gets one.
    async fn begin(
        &self,
        user_id: UserId,
        epoch: Epoch,
        touched: u64,
    ) -> Result<Making, CacheError> {
        let key = keys::feed_version(user_id);
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("SET")
            .arg(&key)
            .arg(fresh_stamp().as_slice())
            .arg(&["NX", "EX"])
            .arg(STAMP_LIFE)
            .ignore()
            .get(&key)
            .cmd("TIME");
        let (stamp, (seconds, micros)): (Stamp, (u64, u64)) =
            pipeline.query_async(&mut self.cache.shared()).await?;
        Ok(Making {
            epoch,
            stamp,
            began: seconds * 1_000_000 + micros,
            touched,
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
