//! When something has to happen to a session: one moment at a time, on the server's wheel.

use super::{Session, Shared};
use crate::{
    DisconnectReason, engine,
    wheel::{Tick, Wheel},
};

/// Heartbeat and time limits of a session.
pub(super) struct Heart {
    /// When the wheel looks at the session. What it finds under another moment is out of date.
    due: Tick,
    next_ping: Tick,
    /// When the heartbeat under way has to be answered.
    pong: Option<Tick>,
    /// When it has to be connected.
    connect: Option<Tick>,
    /// When its end is over, whatever is unsent.
    end: Option<Tick>,
    /// Nothing is read, since too much waits to be handled: an answer cannot be seen.
    is_deaf: bool,
    is_over: bool,
}

impl Heart {
    pub(super) fn new(shared: &Shared) -> Self {
        let Shared { config, wheel } = shared;
        let mut heart = Self {
            due: 0,
            next_ping: wheel.after(config.ping_interval),
            pong: None,
            connect: Some(wheel.after(config.connect_timeout)),
            end: None,
            is_deaf: false,
            is_over: false,
        };
        heart.due = heart.next();
        heart
    }

    pub(super) fn due(&self) -> Tick {
        self.due
    }

    fn next(&self) -> Tick {
        let others = [self.pong, self.connect];
        others.into_iter().flatten().fold(self.next_ping, Tick::min)
    }

    /// The session ends: when that is over, unless it is sooner by itself.
    pub(super) fn stop(&mut self, shared: &Shared) -> Tick {
        let end = shared.wheel.after(shared.config.linger);
        self.end = Some(end);
        self.due = end;
        end
    }
}

impl Session {
    /// The client has told that it is there.
    pub(crate) fn is_alive(&self) {
        self.state().heart.pong = None;
    }

    /// It is connected in time.
    pub(crate) fn is_connected(&self) {
        self.state().heart.connect = None;
    }

    /// Whether nothing is read from the client for now.
    pub(crate) fn set_deaf(&self, is_deaf: bool) {
        self.state().heart.is_deaf = is_deaf;
    }

    /// Has its end taken as long as it may?
    pub(crate) fn is_over(&self) -> bool {
        self.state().heart.is_over
    }

    /// The moment `due` has come. When to look again, if ever.
    pub(crate) fn look_at_time(&self, due: Tick, wheel: &Wheel) -> Option<Tick> {
        let mut state = self.state();
        if state.heart.due != due {
            return None;
        }
        let now = wheel.now().max(due);
        if state.heart.end.is_some() {
            state.heart.is_over = true;
            self.task.wake();
            return None;
        }
        if state.heart.connect.is_some_and(|connect| connect <= now) {
            self.close_state(&mut state, DisconnectReason::ConnectTimeout);
            return None;
        }
        if state.heart.pong.is_some_and(|pong| pong <= now) {
            if !state.heart.is_deaf {
                self.close_state(&mut state, DisconnectReason::PingTimeout);
                return None;
            }
            state.heart.pong = Some(wheel.after(self.config().ping_timeout));
        }
        if state.heart.next_ping <= now {
            state.heart.next_ping = wheel.after(self.config().ping_interval);
            let pong = wheel.after(self.config().ping_timeout);
            state.heart.pong.get_or_insert(pong);
            self.send_frames(&mut state, [&engine::ping_frame()]);
            if state.closing.is_some() {
                return None;
            }
        }
        let next = state.heart.next();
        state.heart.due = next;
        Some(next)
    }
}
