use std::{sync::Arc, time::Duration};

use domain::{LikedId, Timestamp, UserId};
use quick_cache::sync::Cache;
use runtime::Clock;

/// Things and viewers remembered, and those remembered as deleted.
const REMEMBERED: usize = 100_000;
/// How long what is known is used when it cannot be asked again (`stale-if-error`
/// of RFC 5861): long enough for an election, and for what is on the screen.
const STALE: Duration = Duration::from_mins(1);

/// Who has lately been seen to see what, and so may like it: most likes
/// are of what has just been shown. What changes takes effect when this is out of date.
#[derive(Clone)]
pub(crate) struct Standings {
    known: Arc<Cache<(UserId, LikedId), Standing>>,
    /// Deleted through this replica; that is for ever.
    deleted: Arc<Cache<LikedId, ()>>,
    fresh_for: Duration,
    clock: Arc<dyn Clock>,
}

#[derive(Clone, Copy)]
struct Standing {
    others: i64,
    at: Timestamp,
}

/// What is known of a thing and somebody who could see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Good enough; how many others like it.
    Fresh(i64),
    /// Good enough if nobody can be asked.
    Stale(i64),
    /// Nothing.
    Unknown,
}

impl Standings {
    pub(crate) fn new(fresh_for: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            known: Arc::new(Cache::new(REMEMBERED)),
            deleted: Arc::new(Cache::new(REMEMBERED)),
            fresh_for,
            clock,
        }
    }

    /// `viewer` was shown `thing`, which so many others like.
    pub(crate) fn note(&self, viewer: UserId, thing: impl Into<LikedId>, others: i64) {
        self.note_all(viewer, [(thing, others)]);
    }

    /// As [`Standings::note`], of many things.
    pub(crate) fn note_all<T: Into<LikedId>>(
        &self,
        viewer: UserId,
        shown: impl IntoIterator<Item = (T, i64)>,
    ) {
        let at = self.clock.now();
        for (thing, others) in shown {
            let thing = thing.into();
            self.known.insert((viewer, thing), Standing { others, at });
        }
    }

    /// `viewer` does not see `thing` any more.
    pub(crate) fn forget(&self, viewer: UserId, thing: impl Into<LikedId>) {
        self.known.remove(&(viewer, thing.into()));
    }

    /// Nobody sees `thing` any more.
    pub(crate) fn forget_deleted(&self, thing: impl Into<LikedId>) {
        self.deleted.insert(thing.into(), ());
    }

    pub(crate) fn find(&self, viewer: UserId, thing: LikedId) -> Known {
        let known = self.known.get(&(viewer, thing));
        let Some(Standing { others, at }) = known.filter(|_| self.deleted.get(&thing).is_none())
        else {
            return Known::Unknown;
        };
        let age = self.clock.now().since(at);
        if age < self.fresh_for {
            Known::Fresh(others)
        } else if age < STALE {
            Known::Stale(others)
        } else {
            Known::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime::ManualClock;

    use super::*;

    #[test]
    fn what_was_seen_is_known_for_a_while() {
        let clock = ManualClock::default();
        let standings = Standings::new(Duration::from_secs(5), Arc::new(clock.clone()));
        let (viewer, thing) = (UserId::generate(), LikedId::generate());
        assert_eq!(standings.find(viewer, thing), Known::Unknown);
        standings.note(viewer, thing, 2);
        assert_eq!(standings.find(viewer, thing), Known::Fresh(2));
        clock.advance(Duration::from_secs(6));
        assert_eq!(standings.find(viewer, thing), Known::Stale(2));
        clock.advance(STALE);
        assert_eq!(standings.find(viewer, thing), Known::Unknown);
    }

    #[test]
    fn what_is_gone_is_not_known() {
        let standings = Standings::new(STALE, Arc::new(ManualClock::default()));
        let (viewer, thing) = (UserId::generate(), LikedId::generate());
        standings.note(viewer, thing, 0);
        standings.forget(viewer, thing);
        assert_eq!(standings.find(viewer, thing), Known::Unknown);
        standings.forget_deleted(thing);
        // A page that was read before it was deleted.
        standings.note(viewer, thing, 0);
        assert_eq!(standings.find(viewer, thing), Known::Unknown);
    }
}
