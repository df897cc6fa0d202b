//! Likes on their way from the queue into the store.

mod batch;
mod decide;

use std::{sync::Arc, time::Instant};

use domain::{LikedId, PostId, Timestamp};
use runtime::{Clock, Shutdown};
use store::StoreError;
use tokio::sync::Semaphore;

pub(crate) use batch::{Batch, Pair, SetLike};
pub(crate) use decide::{Changes, Stored, Thing, Tombstone, Versioned, decide};

use crate::{
    explore::{Engagement, Explore},
    intents::{AppliedLike, Intents},
    likes::LikedKind,
    mongo::LikeWrites,
    post_cache::PostCache,
};

/// Calls whose intents are settled behind their answer, at a time.
const SETTLED_BEHIND: usize = 16;

/// Stores what people think of posts and comments.
pub(crate) struct ApplyLikes {
    likes: LikeWrites,
    posts: PostCache,
    intents: Intents,
    explore: Explore,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    settling: Arc<Semaphore>,
}

/// What a batch came to.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) outcomes: Outcomes,
    /// How many have begun to like each post.
    pub(crate) begun: Vec<(PostId, u32)>,
}

/// What became of jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcomes {
    /// Changed what is stored.
    pub(crate) applied: u32,
    /// Were not newer than what is stored, or than another job with them.
    pub(crate) outdated: u32,
    /// Are about what does not exist, or of accounts that are gone for good.
    pub(crate) orphaned: u32,
}

impl ApplyLikes {
    pub(crate) fn new(
        likes: LikeWrites,
        posts: PostCache,
        intents: Intents,
        explore: Explore,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            likes,
            posts,
            intents,
            explore,
            clock,
            shutdown,
            settling: Arc::new(Semaphore::new(SETTLED_BEHIND)),
        }
    }

    /// Stores `jobs` of `partition`, all or nothing. Those that come again, or
    /// late, change nothing.
    pub(crate) async fn apply(
        &self,
        partition: &'static str,
        jobs: Vec<SetLike>,
    ) -> Result<Outcomes, StoreError> {
        if jobs.is_empty() {
            return Ok(Outcomes::default());
        }
        let began = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        metrics::histogram!("likes_apply_jobs").record(jobs.len() as f64);
        // Also of those that change nothing: what was wanted is decided by now.
        let decided: Vec<AppliedLike> = jobs.iter().map(SetLike::intent).collect();
        let now: Timestamp = self.clock.now();
        let batch = Batch::new(jobs);
        let posts = batch.of_kind(LikedKind::Post).into_iter();
        let posts: Vec<PostId> = posts.map(|id: LikedId| id.oid().into()).collect();
        let Applied { outcomes, begun } = self.likes.apply(partition, batch, now).await?;
        // Also if nothing was: who applied it may have died over it.
        self.posts.changed(&posts).await;
        metrics::histogram!("likes_apply_duration_seconds").record(began.elapsed());
        outcomes.count();
        self.settle(decided, begun).await;
        Ok(outcomes)
    }

    /// Behind the answer, so that the next batch does not wait for Redis. Intents
    /// that are not settled because the process dies are found and settled later.
    async fn settle(&self, decided: Vec<AppliedLike>, begun: Vec<(PostId, u32)>) {
        let (intents, explore) = (self.intents.clone(), self.explore.clone());
        let settle = async move {
            intents.settle(&decided).await;
            explore.note(Engagement::Like, &begun).await;
        };
        match Arc::clone(&self.settling).try_acquire_owned() {
            Ok(permit) => {
                self.shutdown.spawn(async move {
                    let _permit = permit;
                    settle.await;
                });
            }
            // Redis cannot keep up: no faster than Redis, then.
            Err(_) => settle.await,
        }
    }
}

impl Outcomes {
    fn count(self) {
        for (outcome, jobs) in [
            ("applied", self.applied),
            ("outdated", self.outdated),
            ("orphaned", self.orphaned),
        ] {
            metrics::counter!("likes_applied_total", "outcome" => outcome).increment(jobs.into());
        }
    }
}
