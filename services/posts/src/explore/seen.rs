use std::time::Duration;

use cache::{Cache, CacheError, keys, redis};
use domain::{PostId, Timestamp, UserId};

/// How long somebody who does not explore is remembered.
const LIFE: Duration = Duration::from_hours(7 * 24);
/// Posts that are remembered of each viewer, the latest.
const REMEMBERED: isize = 1_000;

/// What people were shown when they explored.
#[derive(Clone)]
pub(super) struct Seen {
    cache: Cache,
}

impl Seen {
    pub(super) fn new(cache: &Cache) -> Self {
        Self {
            cache: cache.clone(),
        }
    }

    /// Of each of `posts`, whether `viewer` was shown it.
    pub(super) async fn of(
        &self,
        viewer: UserId,
        posts: &[PostId],
    ) -> Result<Vec<bool>, CacheError> {
        if posts.is_empty() {
            return Ok(Vec::new());
        }
        let mut scores = redis::cmd("ZMSCORE");
        scores.arg(keys::explore_seen(viewer));
        for post in posts {
            scores.arg(post.oid().bytes().as_slice());
        }
        let found: Vec<Option<f64>> = scores.query_async(&mut self.cache.shared()).await?;
        Ok(found.into_iter().map(|it| it.is_some()).collect())
    }

    /// `viewer` is shown `posts`.
    pub(super) async fn note(
        &self,
        viewer: UserId,
        posts: &[PostId],
        now: Timestamp,
    ) -> Result<(), CacheError> {
        if posts.is_empty() {
            return Ok(());
        }
        let key = keys::explore_seen(viewer);
        let mut pipeline = redis::pipe();
        let add = pipeline.cmd("ZADD").arg(&key);
        for post in posts {
            add.arg(now.as_millis()).arg(post.oid().bytes().as_slice());
        }
        pipeline
            .zremrangebyrank(&key, 0, -REMEMBERED - 1)
            .cmd("EXPIRE")
            .arg(&key)
            .arg(LIFE.as_secs());
        Ok(pipeline.exec_async(&mut self.cache.shared()).await?)
    }
}
