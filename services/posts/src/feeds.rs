//! What feeds are made of, and how they are kept up to date.

use std::sync::Arc;

use cache::{Aside, Cache, CacheError};
use domain::{PostId, UserId};
use quick_cache::sync::Cache as Flights;

use crate::{
    feed_pages::{FeedPages, KeptPage},
    merging::Merging,
    mongo::{FanoutModes, Position, PostStore},
    people::People,
    stamps::{Stamp, Stamps},
    timelines::Timelines,
};

/// Pages that may be under way at once and still be made for several readers together.
const IN_FLIGHT: usize = 10_000;

/// A page of a feed and the occasion on which it is made.
pub(crate) type Flight = (UserId, usize, (Stamp, u64));

/// The parts of feeds.
#[derive(Clone)]
pub(crate) struct Feeds {
    pub(crate) timelines: Timelines,
    pub(crate) pages: FeedPages,
    pub(crate) stamps: Stamps,
    pub(crate) merging: Merging,
    pub(crate) modes: FanoutModes,
    /// Pages that are being made: whoever else wants one waits for it.
    pub(crate) flights: Arc<Flights<Flight, Arc<KeptPage>>>,
}

impl Feeds {
    pub(crate) fn new(
        cache: &Cache,
        modes: FanoutModes,
        store: &PostStore,
        people: &People,
        timeline_length: usize,
    ) -> Self {
        let stamps = Stamps::new(cache);
        let timelines = Timelines::new(cache, timeline_length);
        Self {
            pages: FeedPages::new(cache),
            merging: Merging {
                recent: timelines.portion(),
                aside: Aside::new(cache),
                cache: cache.clone(),
                stamps: stamps.clone(),
                modes: modes.clone(),
                store: store.clone(),
                people: people.clone(),
            },
            timelines,
            stamps,
            modes,
            flights: Arc::new(Flights::new(IN_FLIGHT)),
        }
    }

    /// `author` has posted: it is in their own feed from now on, and in those
    /// that merge their posts.
    pub(crate) async fn note_post(&self, author: UserId, post: Position) -> Result<(), CacheError> {
        self.merging.forget_recent(author).await?;
        self.timelines.add(&[author], &[post], None).await?;
        Ok(())
    }

    /// A post of `author` was changed or deleted: no page that shows it is
    /// served again. Whatever keeps a copy of it has forgotten it before.
    pub(crate) async fn note_change(&self, author: UserId, post: PostId) -> Result<(), CacheError> {
        self.stamps.touch(&[post.oid()]).await?;
        self.merging.forget_recent(author).await?;
        self.stamps.void_feeds(&[author]).await
    }
}
