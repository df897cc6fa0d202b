use std::{sync::Arc, time::Duration};

use domain::{PostId, Timestamp, UserId};
use quick_cache::sync::Cache;
use runtime::Clock;

/// Posts and viewers remembered, and posts remembered as deleted.
const REMEMBERED: usize = 100_000;
/// How long what is known is used when it cannot be asked again (`stale-if-error`
/// of RFC 5861): long enough for an election, and for what is on the screen.
const STALE: Duration = Duration::from_mins(1);

/// Who has lately been seen to see which post, and so may like it: most likes
/// are of what has just been shown. What changes takes effect when this is out of date.
#[derive(Clone)]
pub(crate) struct Standings {
    known: Arc<Cache<(UserId, PostId), Standing>>,
    /// Deleted through this replica; that is for ever.
    deleted: Arc<Cache<PostId, ()>>,
    fresh_for: Duration,
    clock: Arc<dyn Clock>,
}

#[derive(Clone, Copy)]
struct Standing {
    others: i64,
    at: Timestamp,
}

/// What is known of a post and somebody who could see it.
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

    /// `viewer` was shown `post`, which so many others like.
    pub(crate) fn note(&self, viewer: UserId, post: PostId, others: i64) {
        self.note_all(viewer, [(post, others)]);
    }

    /// As [`Standings::note`], of many posts.
    pub(crate) fn note_all(&self, viewer: UserId, shown: impl IntoIterator<Item = (PostId, i64)>) {
        let at = self.clock.now();
        for (post, others) in shown {
            self.known.insert((viewer, post), Standing { others, at });
        }
    }

    /// `viewer` does not see `post` any more.
    pub(crate) fn forget(&self, viewer: UserId, post: PostId) {
        self.known.remove(&(viewer, post));
    }

    /// Nobody sees `post` any more.
    pub(crate) fn forget_post(&self, post: PostId) {
        self.deleted.insert(post, ());
    }

    pub(crate) fn find(&self, viewer: UserId, post: PostId) -> Known {
        let known = self.known.get(&(viewer, post));
        let Some(Standing { others, at }) = known.filter(|_| self.deleted.get(&post).is_none())
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
        let (viewer, post) = (UserId::generate(), PostId::generate());
        assert_eq!(standings.find(viewer, post), Known::Unknown);
        standings.note(viewer, post, 2);
        assert_eq!(standings.find(viewer, post), Known::Fresh(2));
        clock.advance(Duration::from_secs(6));
        assert_eq!(standings.find(viewer, post), Known::Stale(2));
        clock.advance(STALE);
        assert_eq!(standings.find(viewer, post), Known::Unknown);
    }

    #[test]
    fn what_is_gone_is_not_known() {
        let standings = Standings::new(STALE, Arc::new(ManualClock::default()));
        let (viewer, post) = (UserId::generate(), PostId::generate());
        standings.note(viewer, post, 0);
        standings.forget(viewer, post);
        assert_eq!(standings.find(viewer, post), Known::Unknown);
        standings.forget_post(post);
        // A page that was read before it was deleted.
        standings.note(viewer, post, 0);
        assert_eq!(standings.find(viewer, post), Known::Unknown);
    }
}
