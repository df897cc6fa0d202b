//! Takes away everything that an account has left here, once it is gone for good.

use std::time::Duration;

use cache::{Cache, keys};
use domain::{Timestamp, UserId};
use runtime::Shutdown;
use store::{Lease, Round, Work};

use crate::{
    PostError,
    likes::LikedKind,
    mongo::{Erasure, Erasures, Remains, Removed},
    posts::Posts,
};

/// After this time somebody looks again: MongoDB lets no transaction live for
/// longer than a minute, so what had begun when the account went is there by then,
/// or never will be.
const SETTLED: Duration = Duration::from_secs(90);
/// How long an account waits, and others come first, after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// Between two looks for what other replicas were told.
const IDLE: Duration = Duration::from_secs(1);
/// Between two counts for the metrics.
const COUNTED: Duration = Duration::from_secs(5);

/// Erases accounts, one replica at a time. It may end and go on anywhere.
pub(crate) struct Erasing {
    pub(crate) erasures: Erasures,
    pub(crate) remains: Remains,
    pub(crate) posts: Posts,
    pub(crate) cache: Cache,
    pub(crate) lease: Lease,
}

impl Erasing {
    /// Works until the drain.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        self.lease.work(&shutdown, &self).await;
    }

    /// Removes a piece of what is left of an account; when nothing is, somebody
    /// looks again later, or never again.
    async fn go_on(&self, erasure: Erasure, now: Timestamp) -> Result<(), PostError> {
        let user_id = erasure.user_id;
        if self.remove_piece(user_id, now).await? {
            return Ok(());
        }
        self.remains.remove_traces(user_id).await?;
        self.forget(user_id).await?;
        let settled = erasure.at.plus(SETTLED);
        let due_at = (now < settled).then_some(settled);
        self.erasures.set_due(user_id, due_at).await?;
        if due_at.is_none() {
            tracing::info!(user.id = %user_id, "account erased");
        }
        Ok(())
    }

    /// False when there was nothing to remove.
    async fn remove_piece(&self, user_id: UserId, now: Timestamp) -> Result<bool, PostError> {
        let removed = self.remains.remove_posts(user_id, now).await?;
        if removed.count > 0 {
            self.posts_gone(user_id, &removed).await?;
            return Ok(true);
        }
        let mut removed = self.remains.remove_comments(user_id, now).await?;
        for kind in [LikedKind::Post, LikedKind::Comment] {
            if removed.count == 0 {
                removed = self.remains.remove_likes(user_id, kind).await?;
            }
        }
        if removed.count == 0 {
            removed = self.remains.remove_saves(user_id).await?;
        }
        self.posts.cached.changed(&removed.posts).await;
        Ok(removed.count > 0)
    }

    /// Nothing that shows them is served again. Should this fail, the events of
    /// their deletion do the same.
    async fn posts_gone(&self, author: UserId, removed: &Removed) -> Result<(), PostError> {
        self.posts.cached.forget(&removed.posts).await?;
        let ids: Vec<_> = removed.posts.iter().map(|id| id.oid()).collect();
        self.posts.feeds.stamps.touch(&ids).await?;
        self.posts.feeds.merging.forget_recent(author).await?;
        self.posts.explore.forget(&removed.posts).await;
        Ok(())
    }

    /// Takes from Redis what is about the account. Pages that were made for it,
    /// what stands between it and others, and which hashtags it used lately are gone
    /// within hours anyway.
    async fn forget(&self, user_id: UserId) -> Result<(), PostError> {
        let keys = [
            keys::like_intents(user_id),
            keys::timeline(user_id),
            keys::feed_version(user_id),
            keys::feed_pulled(user_id),
            keys::author_recent(user_id),
            keys::author_version(user_id),
            keys::user(user_id),
        ];
        cache::forget(&self.cache, &keys).await?;
        Ok(self.posts.explore.forget_viewer(user_id).await?)
    }
}

impl Work for Erasing {
    type Error = PostError;

    async fn wait(&self) {
        self.erasures.begun(IDLE).await;
    }

    async fn round(&self) -> Result<Round, PostError> {
        let now = self.posts.clock.now();
        if self.remains.remove_hanging(now).await? {
            return Ok(Round::More);
        }
        let Some(erasure) = self.erasures.due(now).await? else {
            return Ok(Round::Done);
        };
        let done = self.go_on(erasure, now).await;
        if done.is_err() {
            let later = Some(now.plus(RETRY));
            self.erasures.set_due(erasure.user_id, later).await?;
        }
        done.map(|()| Round::More)
    }
}

/// Tells the metrics how many accounts are not erased to the end. Never ends by itself.
pub(crate) async fn watch(erasures: Erasures) {
    let remaining = metrics::gauge!("erasures_remaining");
    loop {
        if let Ok(count) = erasures.remaining().await {
            remaining.set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        tokio::time::sleep(COUNTED).await;
    }
}
