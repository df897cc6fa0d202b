//! Copies of accounts, and of what stands between them, that other services
//! keep in Redis, and the stamps of the feeds that were made from them.

use cache::{Cache, forget, keys};
use domain::{Follow, UserId};

/// Forgets copies right after what they say was changed, and before the change
/// is answered: whoever has the answer sees it everywhere.
///
/// Redis may be down, or the process end in between. The copies are forgotten
/// once more when the event of the change arrives at whoever keeps them, so a
/// failure is logged and nothing else.
#[derive(Clone)]
pub(crate) struct Copies {
    cache: Cache,
}

impl Copies {
    pub(crate) fn new(cache: &Cache) -> Self {
        Self {
            cache: cache.clone(),
        }
    }

    /// What an account is, and what it may see.
    pub(crate) async fn forget_user(&self, id: UserId) {
        self.forget(&[keys::user(id), keys::feed_version(id)]).await;
    }

    /// What either is to the other, and with it what is in the feed of whoever
    /// follows.
    pub(crate) async fn forget_relation(&self, from: UserId, to: UserId) {
        self.forget(&of_follow(from, to)).await;
    }

    /// As [`Copies::forget_relation`], for many follows.
    pub(crate) async fn forget_follows(&self, edges: &[Follow]) {
        let copies = edges.iter();
        let copies = copies.flat_map(|edge| of_follow(edge.follower_id, edge.followee_id));
        self.forget(&copies.collect::<Vec<_>>()).await;
    }

    /// What either is to the other, and with it what is in the feeds of both.
    pub(crate) async fn forget_between(&self, one: UserId, other: UserId) {
        self.forget(&keys::between(one, other)).await;
    }

    async fn forget(&self, keys: &[String]) {
        if let Err(error) = forget(&self.cache, keys).await {
            tracing::warn!(%error, "copies not forgotten, left to the event");
        }
    }
}

fn of_follow(from: UserId, to: UserId) -> [String; 3] {
    [
        keys::relation(from, to),
        keys::relation(to, from),
        keys::feed_version(from),
    ]
}
