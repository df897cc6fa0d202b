//! One feed. There are as many as users with a socket here, so it is small, and
//! an idle one has no task.

use std::sync::{Arc, Mutex};

use super::Follower;
use crate::{EncodeError, LoggedEvent, Message, Offset, SocketId, lock::lock, message::Encoded};

#[derive(Default)]
pub(super) struct Feed(Mutex<State>);

#[derive(Default)]
struct State {
    /// Of the last event that was handed to the followers; `None` until the log
    /// was opened.
    position: Option<Offset>,
    followers: Vec<Following>,
    /// How many are about to follow.
    arriving: u32,
    /// Whether there is news that a read which is under way may not have seen.
    is_behind: bool,
    is_reading: bool,
    /// It has no followers and will get none: it is on its way out of the map.
    has_ended: bool,
}

struct Following {
    follower: Arc<dyn Follower>,
    /// What it had when it came, which may be ahead of the feed.
    after: Offset,
}

/// What is to be done about a feed that was woken.
#[must_use]
#[derive(Clone, Copy)]
pub(super) enum Woken {
    Done,
    /// It has to read its log, and nobody is at it.
    Behind,
    /// It was handed what is no event.
    Lost,
}

/// Where one who wanted to join was, seen from the feed.
#[must_use]
pub(super) enum Joined {
    /// It follows.
    Level,
    /// It follows, and gets no events twice until the feed has come as far.
    Ahead,
    /// It has to catch up first.
    Behind,
    /// The feed has ended.
    Ended,
}

impl Feed {
    /// Somebody is about to follow: the feed stays, unless it has ended already.
    pub(super) fn arrive(&self) -> bool {
        let mut state = lock(&self.0);
        if !state.has_ended {
            state.arriving += 1;
        }
        !state.has_ended
    }

    /// Takes [`Feed::arrive`] back. Whether the feed ended by that.
    pub(super) fn depart(&self) -> bool {
        let mut state = lock(&self.0);
        state.arriving = state.arriving.saturating_sub(1);
        state.end_if_idle()
    }

    /// Where it is; `None` before the log was opened.
    pub(super) fn position(&self) -> Option<Offset> {
        lock(&self.0).position
    }

    /// The log was opened, and ended here.
    pub(super) fn opened(&self, head: Offset) -> Woken {
        let mut state = lock(&self.0);
        state.position.get_or_insert(head);
        if state.is_behind {
            state.fall_behind()
        } else {
            Woken::Done
        }
    }

    /// Lets `follower` follow from `after` on, or else from where the feed is,
    /// and calls `begin` before anything is delivered to it.
    pub(super) fn join(
        &self,
        follower: &Arc<dyn Follower>,
        after: Option<Offset>,
        begin: impl FnOnce(Offset),
    ) -> Joined {
        let mut state = lock(&self.0);
        let Some(position) = state.position.filter(|_| !state.has_ended) else {
            return Joined::Ended;
        };
        let after = after.unwrap_or(position);
        if after < position {
            return Joined::Behind;
        }
        begin(after);
        // Most users have one socket.
        state.followers.reserve_exact(1);
        state.followers.push(Following {
            follower: Arc::clone(follower),
            after,
        });
        if after > position {
            Joined::Ahead
        } else {
            Joined::Level
        }
    }

    /// The socket follows no longer. Whether the feed ended by that.
    pub(super) fn leave(&self, id: SocketId) -> bool {
        let mut state = lock(&self.0);
        state.followers.retain(|it| it.follower.id() != Some(id));
        state.end_if_idle()
    }

    pub(super) fn wake(&self, event: Option<(Offset, LoggedEvent)>) -> Woken {
        let mut state = lock(&self.0);
        match (state.position, event) {
            (Some(position), Some((at, _))) if at <= position => Woken::Done,
            (Some(position), Some((at, event))) if at.follows(position) => state.hand_on(at, event),
            (_, _) => state.fall_behind(),
        }
    }

    /// Where to read from; `None` if nobody needs it any more.
    pub(super) fn begin_read(&self) -> Option<Offset> {
        let mut state = lock(&self.0);
        state.is_behind = false;
        state.position.filter(|_| !state.has_ended)
    }

    /// Hands on what was read, except for what has come another way meanwhile.
    /// [`Woken::Behind`] if there is more to read.
    pub(super) fn end_read(&self, events: Vec<(Offset, LoggedEvent)>, more: bool) -> Woken {
        let mut state = lock(&self.0);
        for (at, event) in events {
            if state.position < Some(at)
                && let lost @ Woken::Lost = state.hand_on(at, event)
            {
                return lost;
            }
        }
        state.is_reading = more || state.is_behind;
        if state.is_reading {
            Woken::Behind
        } else {
            Woken::Done
        }
    }

    /// Nobody follows any more, nor will. Those who did.
    pub(super) fn end(&self) -> Vec<Arc<dyn Follower>> {
        let mut state = lock(&self.0);
        state.has_ended = true;
        let followers = std::mem::take(&mut state.followers);
        followers.into_iter().map(|it| it.follower).collect()
    }
}

impl State {
    fn end_if_idle(&mut self) -> bool {
        self.has_ended |= self.followers.is_empty() && self.arriving == 0;
        self.has_ended
    }

    /// There is something to read. Before the log is opened that waits.
    fn fall_behind(&mut self) -> Woken {
        self.is_behind = true;
        if self.is_reading || self.has_ended || self.position.is_none() {
            return Woken::Done;
        }
        self.is_reading = true;
        Woken::Behind
    }

    fn hand_on(&mut self, at: Offset, event: LoggedEvent) -> Woken {
        let except = event.except();
        let is_kept_from = |id| except.is_some() && id == except;
        let mut followers = self
            .followers
            .iter()
            .filter(|it| it.after < at && !is_kept_from(it.follower.id()))
            .peekable();
        if followers.peek().is_some() {
            let event = match encode(at, event) {
                Ok(event) => event,
                Err(error) => {
                    tracing::error!(offset = %at, %error, "the event log holds what is no event");
                    return Woken::Lost;
                }
            };
            followers.for_each(|it| it.follower.deliver(&event));
        }
        self.position = Some(at);
        Woken::Done
    }
}

/// The event as clients get it: with its place in the log, which they give back
/// when they return.
pub(super) fn encode(at: Offset, event: LoggedEvent) -> Result<Encoded, EncodeError> {
    Ok(Message::from_json(event.args)?.encode_with_offset(&at.to_string()))
}
