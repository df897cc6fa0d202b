//! Home timelines in Redis: for everybody who has lately read their feed, the
//! newest posts of those whom they follow, written as they are posted
//! (fan-out on write).
//!
//! A timeline has every post above its floor that its owner may see, and maybe
//! others: whoever reads it leaves out what is deleted, hidden or no longer
//! followed. That makes adding the only thing that must not be missed, and
//! doing it twice, late, or in another order harmless.
//!
//! One that is not there is built from MongoDB. Posts that are written
//! meanwhile go into the one under construction, so that a post is either in
//! what MongoDB says or added to it. One from another life of the Redis server
//! is not believed: that server may have forgotten what was written last.

mod scripts;

use std::time::Duration;

use cache::{Cache, CacheError, Epoch, keys, redis};
use domain::{PostId, Timestamp, UserId};

use crate::{
    mongo::Position,
    stamps::{Stamp, fresh_stamp},
};
use scripts::{ADD, BEGIN, FINISH, READ, REMOVE};

/// How long a timeline is kept up to date for somebody who does not read it.
const LIFE: Duration = Duration::from_hours(7 * 24);
/// How long building one may take.
const BUILDING: Duration = Duration::from_secs(30);
/// Timelines of one call: Redis does nothing else meanwhile, for some 12 µs each.
const BATCH: usize = 200;
/// Integers beyond are not exact in the scores of Redis.
const SCORE_MAX: i64 = 1 << 53;

/// The timelines of everybody.
#[derive(Clone)]
pub(crate) struct Timelines {
    cache: Cache,
    /// Posts of a timeline that grows; a part of it when it is built.
    length: usize,
}

/// A part of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Newest first, none left out.
    pub(crate) positions: Vec<Position>,
    /// Where it was cut off: there are more of this moment or before it.
    pub(crate) edge: Option<Timestamp>,
    /// Posts of this moment and older ones may be missing.
    pub(crate) floor: Option<Timestamp>,
}

/// A member and its score.
type Entry = (Vec<u8>, i64);

/// The right to build a timeline.
pub(crate) struct Building {
    user_id: UserId,
    epoch: Epoch,
    builder: Stamp,
}

impl Timelines {
    pub(crate) fn new(cache: &Cache, length: usize) -> Self {
        Self {
            cache: cache.clone(),
            length,
        }
    }

    /// How many posts are looked up in MongoDB at a time to be added: enough
    /// for several pages, and cheap.
    pub(crate) fn portion(&self) -> usize {
        (self.length / 4).max(1)
    }

    /// More than a timeline has.
    pub(crate) fn all(&self) -> usize {
        2 * self.length + 2
    }

    /// The newest posts in the timeline of `user_id`, from the moment of
    /// `after` on if that is given, about `count` of them; `None` if it has to
    /// be built first.
    pub(crate) async fn read(
        &self,
        user_id: UserId,
        after: Option<Position>,
        count: usize,
    ) -> Result<Option<Window>, CacheError> {
        let Some(epoch) = self.cache.epoch() else {
            return Ok(None);
        };
        let from = after.map_or_else(|| "-inf".to_owned(), |after| score(after.0).to_string());
        let found = READ
            .key(keys::timeline(user_id))
            .arg(complete(epoch))
            .arg(from)
            .arg(count)
            .arg(LIFE.as_secs())
            .invoke_async::<Option<(String, Vec<Entry>)>>(&mut self.cache.shared())
            .await?;
        let window = found.map(|(floor, entries)| Window::new(&floor, &entries, count));
        Ok(window)
    }

    /// Begins to build the timeline of `user_id`, which gets from now on what
    /// is posted; `None` if somebody else does, or it is there.
    pub(crate) async fn begin(&self, user_id: UserId) -> Result<Option<Building>, CacheError> {
        let Some(epoch) = self.cache.epoch() else {
            return Ok(None);
        };
        let builder = fresh_stamp();
        let is_ours: bool = BEGIN
            .key(keys::timeline(user_id))
            .arg(complete(epoch))
            .arg(under_construction(builder))
            .arg(BUILDING.as_secs())
            .invoke_async(&mut self.cache.shared())
            .await?;
        Ok(is_ours.then_some(Building {
            user_id,
            epoch,
            builder,
        }))
    }

    /// Completes a timeline with what MongoDB says; older posts than `floor`
    /// are missing. False if it was dropped meanwhile.
    pub(crate) async fn finish(
        &self,
        building: &Building,
        posts: &[Position],
        floor: Option<Timestamp>,
    ) -> Result<bool, CacheError> {
        let mut call = FINISH.key(keys::timeline(building.user_id));
        call.arg(complete(building.epoch))
            .arg(under_construction(building.builder))
            .arg(LIFE.as_secs())
            .arg(bound(floor))
            .arg(self.length);
        add_entries(&mut call, posts);
        Ok(call.invoke_async(&mut self.cache.shared()).await?)
    }

    /// Adds posts to the timelines of those of `users` who have one; between
    /// the oldest of them and `floor` some may be missing. The stamps
    /// of all their feeds are void. Returns how many have a timeline.
    pub(crate) async fn add(
        &self,
        users: &[UserId],
        posts: &[Position],
        floor: Option<Timestamp>,
    ) -> Result<u64, CacheError> {
        let mut written = 0;
        let mut calls = users.chunks(BATCH).map(|batch| {
            let mut call = ADD.prepare_invoke();
            add_keys(&mut call, batch);
            call.arg(bound(floor)).arg(self.length);
            add_entries(&mut call, posts);
            call
        });
        if users.len() <= 1 {
            for call in calls {
                written += call.invoke_async::<u64>(&mut self.cache.shared()).await?;
            }
        } else {
            let mut connection = self.cache.own().await?;
            for call in &mut calls {
                written += call.invoke_async::<u64>(&mut connection).await?;
            }
        }
        metrics::counter!("feed_timeline_writes_total").increment(written);
        Ok(written)
    }

    /// Takes a post out of the timelines of `users`, the stamps of whose feeds are void.
    pub(crate) async fn remove(&self, users: &[UserId], post: PostId) -> Result<(), CacheError> {
        let mut connection = self.cache.own().await?;
        for batch in users.chunks(BATCH) {
            let mut call = REMOVE.prepare_invoke();
            add_keys(&mut call, batch);
            call.arg(member(post).as_slice());
            call.invoke_async::<()>(&mut connection).await?;
        }
        Ok(())
    }

    /// Drops the timeline of `user_id`: the next read builds it.
    pub(crate) async fn drop_of(&self, user_id: UserId) -> Result<(), CacheError> {
        cache::forget(&self.cache, &[keys::timeline(user_id)]).await
    }
}

impl Window {
    fn new(floor: &str, entries: &[Entry], count: usize) -> Self {
        let mut positions: Vec<Position> = entries.iter().filter_map(position).collect();
        // Those of one moment are not in the order of the feed.
        positions.sort_unstable_by(|a, b| b.cmp(a));
        let cut_off = positions.last().map(|last| last.0);
        let edge = cut_off.filter(|_| entries.len() >= count);
        // Not all of that moment may be here.
        positions.retain(|position| Some(position.0) != edge);
        Self {
            positions,
            edge,
            floor: floor
                .parse::<i64>()
                .ok()
                .map(|score| Timestamp::from_millis(-score)),
        }
    }
}

fn score(at: Timestamp) -> i64 {
    -at.as_millis().clamp(-SCORE_MAX, SCORE_MAX)
}

fn bound(floor: Option<Timestamp>) -> String {
    floor.map_or_else(|| "inf".to_owned(), |floor| score(floor).to_string())
}

fn member(post: PostId) -> [u8; 12] {
    post.oid().bytes()
}

fn position((member, score): &Entry) -> Option<Position> {
    let id: [u8; 12] = member.as_slice().try_into().ok()?;
    let id = bson::oid::ObjectId::from_bytes(id);
    Some(Position(Timestamp::from_millis(-score), id.into()))
}

fn complete(epoch: Epoch) -> Vec<u8> {
    [b"e".as_slice(), &epoch.to_bytes()].concat()
}

fn under_construction(builder: Stamp) -> Vec<u8> {
    [b"b".as_slice(), &builder].concat()
}

fn add_keys(call: &mut redis::ScriptInvocation<'_>, users: &[UserId]) {
    for user in users {
        call.key(keys::timeline(*user))
            .key(keys::feed_version(*user));
    }
}

fn add_entries(call: &mut redis::ScriptInvocation<'_>, posts: &[Position]) {
    for Position(at, id) in posts {
        call.arg(score(*at)).arg(member(*id).as_slice());
    }
}

#[cfg(test)]
pub(crate) mod tests;
