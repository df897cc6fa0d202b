//! What people have lately asked for what can be liked: kept in Redis from before the job
//! is published until some time after it is applied, so that whoever likes sees
//! it at once, and so that versions grow.
//!
//! Redis is not needed for a like to be accepted or counted. Without it, its
//! author sees it as soon as it is stored.

mod layers;
mod scripts;

use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use cache::{
    Cache, CacheError, keys,
    redis::{self, AsyncCommands},
};
use domain::{LikedId, Reaction, Timestamp, UserId};
use runtime::{Clock, Shutdown};

use layers::{newest, state};
use scripts::{CONFIRM, DUE, PUT, SETTLE, TAKE_BACK};

/// How long an intent counts that the broker has not confirmed: much longer
/// than a confirm may take, so whoever should have said so is dead.
const UNCONFIRMED: Duration = Duration::from_secs(30);
/// After this time somebody looks what became of an intent, and then again and
/// again: it was not applied, or Redis was away when it was.
const FIRST_LOOK: Duration = Duration::from_secs(15);
const NEXT_LOOK: Duration = Duration::from_mins(1);
/// Intents of one call: Redis does nothing else meanwhile, some milliseconds at most.
const BATCH: usize = 256;

/// What people want, as Redis knows it.
#[derive(Clone)]
pub(crate) struct Intents {
    cache: Cache,
    clock: Arc<dyn Clock>,
    /// The largest version that this process has seen: a hybrid logical clock
    /// (Kulkarni et al., *Logical Physical Clocks*, 2014), which goes on when the
    /// clocks go back.
    floor: Arc<AtomicI64>,
    unmarked: Arc<Mutex<Unmarked>>,
    shutdown: Shutdown,
}

/// What somebody asked for a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) version: i64,
    /// When it was accepted.
    pub(crate) at: Timestamp,
    /// `None`: not to like it.
    pub(crate) reaction: Option<Reaction>,
}

/// Something that was asked for and is stored by now, or never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AppliedLike {
    pub(crate) user_id: UserId,
    pub(crate) liked_id: LikedId,
    pub(crate) version: i64,
}

/// Intents that are confirmed, which Redis has not been told.
#[derive(Default)]
struct Unmarked {
    waiting: Vec<AppliedLike>,
    /// Whether a task is telling it.
    is_marked: bool,
}

impl Intents {
    pub(crate) fn new(cache: Cache, clock: Arc<dyn Clock>, shutdown: Shutdown) -> Self {
        Self {
            cache,
            clock,
            floor: Arc::default(),
            unmarked: Arc::default(),
            shutdown,
        }
    }

    /// Writes down what `user_id` asks for from now on and returns its version,
    /// which is larger than any before. It counts for half a minute, until
    /// [`Intents::confirm`] or [`Intents::take_back`]. Without Redis there is
    /// only the version.
    pub(crate) async fn put(
        &self,
        user_id: UserId,
        liked_id: LikedId,
        at: Timestamp,
        reaction: Option<&Reaction>,
    ) -> i64 {
        let smallest = self.floor.load(Ordering::Relaxed) + 1;
        let written = PUT
            .key(keys::like_intents(user_id))
            .arg(liked_id.to_string())
            .arg(state(reaction))
            .arg(self.clock.now_micros())
            .arg(at.as_millis())
            .arg(smallest)
            .arg(millis(UNCONFIRMED))
            .invoke_async::<i64>(&mut self.cache.shared())
            .await;
        match written {
            Ok(version) => {
                self.floor.fetch_max(version, Ordering::Relaxed);
                version
            }
            Err(error) => {
                tracing::debug!(%error, "no intent without redis");
                self.next_version()
            }
        }
    }

    fn next_version(&self) -> i64 {
        let now = self.clock.now_micros();
        let next = |floor: i64| Some(now.max(floor + 1));
        let before = self
            .floor
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        now.max(before.unwrap_or_else(|floor| floor) + 1)
    }

    /// The broker has it: it counts until it is applied. Nobody need wait for
    /// that, so those that come while Redis is told of others are told together.
    pub(crate) fn confirm(&self, confirmed: AppliedLike) {
        {
            let mut unmarked = self.unmarked();
            unmarked.waiting.push(confirmed);
            if mem::replace(&mut unmarked.is_marked, true) {
                return;
            }
        }
        self.shutdown.spawn(self.clone().mark_confirmed());
    }

    async fn mark_confirmed(self) {
        while let Some(batch) = self.next_unmarked() {
            let look = self.clock.now().plus(FIRST_LOOK);
            for chunk in batch.chunks(BATCH) {
                if self.mark(&CONFIRM, look, chunk).await.is_err() {
                    // Those that are not applied by then stop counting too early.
                    break;
                }
            }
        }
    }

    /// All that wait, or `None`, and the next that comes needs another task.
    fn next_unmarked(&self) -> Option<Vec<AppliedLike>> {
        let mut unmarked = self.unmarked();
        unmarked.is_marked = !unmarked.waiting.is_empty();
        unmarked.is_marked.then(|| mem::take(&mut unmarked.waiting))
    }

    fn unmarked(&self) -> MutexGuard<'_, Unmarked> {
        self.unmarked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker does not have it: what held before holds again.
    pub(crate) async fn take_back(&self, user_id: UserId, liked_id: LikedId, version: i64) {
        let taken = TAKE_BACK
            .key(keys::like_intents(user_id))
            .arg(liked_id.to_string())
            .arg(version)
            .invoke_async::<()>(&mut self.cache.shared())
            .await;
        if let Err(error) = taken {
            tracing::debug!(%error, "an intent was not taken back");
        }
    }

    /// Notes that these are stored (or never will be): each intent that is not
    /// newer expires some time from now. Never fails: without Redis there is
    /// nothing to note.
    pub(crate) async fn settle(&self, applied: &[AppliedLike]) {
        for batch in applied.chunks(BATCH) {
            if self.mark(&SETTLE, self.clock.now(), batch).await.is_err() {
                // Whoever looks what became of them will settle them.
                break;
            }
        }
    }

    async fn mark(
        &self,
        script: &redis::Script,
        at: Timestamp,
        intents: &[AppliedLike],
    ) -> Result<(), CacheError> {
        let mut call = script.prepare_invoke();
        call.arg(at.as_millis());
        for intent in intents {
            call.key(keys::like_intents(intent.user_id));
            call.arg(intent.liked_id.to_string()).arg(intent.version);
        }
        call.key(keys::LIKES_ALIVE);
        let marked = call.invoke_async::<()>(&mut self.cache.shared()).await;
        Ok(marked.inspect_err(|error| tracing::debug!(%error, "intents were not marked"))?)
    }

    /// What `user_id` asked for those of `things` for which an intent lives;
    /// nothing without Redis.
    pub(crate) async fn of(
        &self,
        user_id: UserId,
        things: impl IntoIterator<Item: Into<LikedId>>,
    ) -> HashMap<LikedId, Intent> {
        let things: Vec<LikedId> = things.into_iter().map(Into::into).collect();
        if things.is_empty() {
            return HashMap::new();
        }
        let fields: Vec<String> = things.iter().map(ToString::to_string).collect();
        let mut connection = self.cache.shared();
        let read = redis::cmd("HMGET")
            .arg(keys::like_intents(user_id))
            .arg(fields)
            .query_async::<Vec<Option<String>>>(&mut connection)
            .await;
        let values = read.inspect_err(unread).unwrap_or_default();
        let counts_from = self.counts_from();
        let intents = things.into_iter().zip(values).filter_map(|(thing, value)| {
            let intent = newest(&value?, counts_from)?;
            Some((thing, intent))
        });
        intents.collect()
    }

    /// Everything that `user_id` asked for of which an intent lives; nothing without Redis.
    pub(crate) async fn all_of(&self, user_id: UserId) -> HashMap<LikedId, Intent> {
        let key = keys::like_intents(user_id);
        let mut connection = self.cache.shared();
        let read = connection.hgetall::<_, HashMap<String, String>>(key);
        let fields = read.await.inspect_err(unread).unwrap_or_default();
        let counts_from = self.counts_from();
        let intents = fields.into_iter().filter_map(|(field, value)| {
            let thing = field.parse().ok()?;
            Some((thing, newest(&value, counts_from)?))
        });
        intents.collect()
    }

    /// What is not confirmed and was accepted before does not count.
    fn counts_from(&self) -> Timestamp {
        self.clock.now().minus(UNCONFIRMED)
    }

    /// Some of the intents that live for longer than a job should take; others
    /// get other ones for a while.
    pub(crate) async fn due(&self) -> Result<Vec<AppliedLike>, CacheError> {
        let now = self.clock.now();
        let due: Vec<(String, String, i64)> = DUE
            .key(keys::LIKES_ALIVE)
            .arg(now.as_millis())
            .arg(now.plus(NEXT_LOOK).as_millis())
            .arg(BATCH)
            .arg(keys::LIKE_INTENTS)
            .invoke_async(&mut self.cache.shared())
            .await?;
        let read = due.into_iter().filter_map(|(user, thing, version)| {
            Some(AppliedLike {
                user_id: user.parse().ok()?,
                liked_id: thing.parse().ok()?,
                version,
            })
        });
        Ok(read.collect())
    }

    /// How many intents are confirmed and not applied, in the whole deployment.
    pub(crate) async fn alive(&self) -> Result<u64, CacheError> {
        Ok(self.cache.shared().zcard(keys::LIKES_ALIVE).await?)
    }
}

fn unread(error: &redis::RedisError) {
    tracing::debug!(%error, "intents were not read");
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
