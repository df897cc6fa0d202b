//! What tells whether something that was made of feeds is still good: random
//! values that are removed whenever what depends on them changes. Whoever needs
//! one that is not there makes another.

use std::sync::LazyLock;

use bson::oid::ObjectId;
use cache::{Cache, CacheError, keys, redis::Script};
use domain::UserId;

/// A value that was never there before and never will be again.
pub(crate) type Stamp = [u8; 8];

/// Seconds for which a change is remembered: longer than anything that was
/// made before it is used.
const TOUCHED: u64 = 180;
/// Seconds for which a stamp is kept when nobody asks for it.
pub(crate) const STAMP_LIFE: u64 = 7 * 24 * 3600;

/// The stamps of feeds and authors, and what was touched lately.
#[derive(Clone)]
pub(crate) struct Stamps {
    cache: Cache,
}

/// A value that nobody has seen.
pub(crate) fn fresh_stamp() -> Stamp {
    rand::random()
}

impl Stamps {
    pub(crate) fn new(cache: &Cache) -> Self {
        Self {
            cache: cache.clone(),
        }
    }

    /// Something about the feeds of `users` is not what it was: no page that
    /// was made before is served again, and none that is being made is kept.
    pub(crate) async fn void_feeds(&self, users: &[UserId]) -> Result<(), CacheError> {
        let keys: Vec<String> = users.iter().map(|it| keys::feed_version(*it)).collect();
        cache::forget(&self.cache, &keys).await
    }

    /// As [`Stamps::void_feeds`], for the pages that have merged the posts of `author`.
    pub(crate) async fn void_author(&self, author: UserId) -> Result<(), CacheError> {
        cache::forget(&self.cache, &[keys::author_version(author)]).await
    }

    /// The stamps of `authors`, in their order.
    pub(crate) async fn of_authors(&self, authors: &[UserId]) -> Result<Vec<Stamp>, CacheError> {
        let mut call = OF_AUTHORS.prepare_invoke();
        for author in authors {
            call.key(keys::author_version(*author));
        }
        call.arg(fresh_stamp().as_slice()).arg(STAMP_LIFE);
        Ok(call.invoke_async(&mut self.cache.shared()).await?)
    }

    /// What shows one of these posts or accounts is not served again.
    pub(crate) async fn touch(&self, ids: &[ObjectId]) -> Result<(), CacheError> {
        let mut call = TOUCH.key(keys::FEED_TOUCHED);
        call.arg(TOUCHED);
        for id in ids {
            call.arg(id.bytes().as_slice());
        }
        Ok(call.invoke_async(&mut self.cache.shared()).await?)
    }
}

/// KEYS: stamps. ARGV: the stamp for those that have none, and its life.
static OF_AUTHORS: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local stamps = {}
for n, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[1], 'NX', 'EX', ARGV[2])
  stamps[n] = redis.call('GET', key)
end
return stamps
",
    )
});

/// KEYS: what was touched. ARGV: for how long that is of use, the ids.
static TOUCH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for n = 2, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[n]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1] * 1000000)
redis.call('EXPIRE', KEYS[1], ARGV[1])
",
    )
});
