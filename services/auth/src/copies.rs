//! Copies of accounts, and of what stands between them, that other services
//! keep in Redis, and the stamps of the feeds that were made from them.

use cache::{Cache, forget, keys};
use domain::UserId;

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

    /// What either is to the other, and with it what is in the feed of `one`.
    pub(crate) async fn forget_relation(&self, one: UserId, other: UserId) {
        let copies = [
            keys::relation(one, other),
            keys::relation(other, one),
            keys::feed_version(one),
        ];
        self.forget(&copies).await;
    }

    async fn forget(&self, keys: &[String]) {
        if let Err(error) = forget(&self.cache, keys).await {
            tracing::warn!(%error, "copies not forgotten, left to the event");
        }
    }
}
