//! Posts for people who look around: those that most is happening to, what
//! they have not seen yet first.
//!
//! Redis has the ranking, and each viewer's order while they page through it.
//! Without it, the newest posts stand in. Either way a post is shown if
//! `domain::visibility` lets this viewer discover it when the page is made.

mod orders;
mod pages;
mod seen;

use std::{sync::Arc, time::Duration};

use cache::{Cache, CacheError, keys};
use domain::{Post, PostId, UserId};
use runtime::Clock;

use crate::decayed::DecayedScores;
use orders::Orders;
use seen::Seen;

pub(crate) use pages::Place;

/// After so long, what happened to a post counts half.
const HALF_LIFE: Duration = Duration::from_hours(12);
/// Posts that are ranked.
const LENGTH: usize = 2_000;

/// What happens to posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engagement {
    Post,
    Like,
    Save,
    Comment,
}

/// The ranking of posts, and what viewers have of it.
#[derive(Clone)]
pub(crate) struct Explore {
    cache: Cache,
    clock: Arc<dyn Clock>,
    ranking: DecayedScores,
    orders: Orders,
    seen: Seen,
}

impl Engagement {
    /// What it counts, by the effort that it takes.
    const fn weight(self) -> f64 {
        match self {
            Self::Post | Self::Like => 1.0,
            Self::Save => 2.0,
            Self::Comment => 3.0,
        }
    }
}

impl Explore {
    pub(crate) fn new(cache: &Cache, clock: Arc<dyn Clock>) -> Self {
        Self {
            cache: cache.clone(),
            clock,
            ranking: DecayedScores::new(cache, keys::EXPLORE_POSTS, HALF_LIFE, LENGTH),
            orders: Orders::new(cache),
            seen: Seen::new(cache),
        }
    }

    /// This happened so many times to each of these posts just now, and is
    /// stored. Nothing is ever subtracted: it fades. Never fails: it is a
    /// ranking, and what it misses while Redis is away is missed.
    pub(crate) async fn note(&self, engagement: Engagement, posts: &[(PostId, u32)]) {
        if posts.is_empty() {
            return;
        }
        let now = self.clock.now();
        let score = |times: u32| {
            let weight = engagement.weight() * f64::from(times);
            self.ranking.score(weight, now)
        };
        let happened = posts.iter().filter(|(_, times)| *times > 0);
        let added: Vec<_> = happened
            .map(|(post, times)| (post.oid().bytes(), score(*times)))
            .collect();
        if let Err(error) = self.ranking.add(&added).await {
            tracing::debug!(%error, "the ranking of posts misses something");
        }
    }

    /// These posts are not there for anybody. Never fails: what is ranked all
    /// the same is left out when somebody looks.
    pub(crate) async fn forget(&self, posts: &[PostId]) {
        let members: Vec<_> = posts.iter().map(|post| post.oid().bytes()).collect();
        if let Err(error) = self.ranking.remove(&members).await {
            tracing::debug!(%error, "posts that are gone are still ranked");
        }
    }

    /// Forgets what `viewer` has seen.
    pub(crate) async fn forget_viewer(&self, viewer: UserId) -> Result<(), CacheError> {
        let keys = [keys::explore_seen(viewer), keys::explore_latest(viewer)];
        cache::forget(&self.cache, &keys).await
    }

    /// Ranks posts by what is stored of them, as if all of it had happened when
    /// they were made: less than what was noted as it happened.
    async fn rank(&self, posts: &[Post]) -> Result<(), CacheError> {
        let times = |count: i64| f64::from(u32::try_from(count).unwrap_or(0));
        let known = posts.iter().map(|post| {
            let weight = Engagement::Post.weight()
                + Engagement::Like.weight() * times(post.likes_count)
                + Engagement::Save.weight() * times(post.saves_count)
                + Engagement::Comment.weight() * times(post.comments_count);
            let score = self.ranking.score(weight, post.created_at());
            (post.id.oid().bytes(), score)
        });
        self.ranking.raise(&known.collect::<Vec<_>>()).await
    }
}
