//! One timer for all sessions: a hashed timing wheel (Varghese and Lauck, "Hashed and hierarchical
//! timing wheels", scheme 6). A session costs it 16 bytes and no wake-up of its own.

use std::{
    sync::{Mutex, Weak},
    time::Duration,
};

use tokio::time::Instant;

use crate::{lock::lock, session::Session};

/// With the longest tick of 250 ms, once around takes longer than any usual heartbeat.
const SLOTS: usize = 512;

/// A moment, in ticks since the wheel was made. Never 0.
pub(crate) type Tick = u32;

pub(crate) struct Wheel {
    began: Instant,
    tick: Duration,
    slots: Box<[Mutex<Vec<Entry>>]>,
}

struct Entry {
    due: Tick,
    session: Weak<Session>,
}

impl Wheel {
    pub(crate) fn new(tick: Duration) -> Self {
        Self {
            began: Instant::now(),
            tick,
            slots: (0..SLOTS).map(|_| Mutex::default()).collect(),
        }
    }

    /// How long a tick is.
    pub(crate) fn tick(&self) -> Duration {
        self.tick
    }

    /// The tick that is current.
    pub(crate) fn now(&self) -> Tick {
        let passed = self.began.elapsed().as_nanos() / self.tick.as_nanos().max(1);
        Tick::try_from(passed)
            .unwrap_or(Tick::MAX)
            .saturating_add(1)
    }

    /// The first tick that is at least `duration` from now.
    pub(crate) fn after(&self, duration: Duration) -> Tick {
        let ticks = duration.as_nanos().div_ceil(self.tick.as_nanos().max(1));
        let ticks = Tick::try_from(ticks).unwrap_or(Tick::MAX);
        self.now().saturating_add(ticks).saturating_add(1)
    }

    /// Has `session` looked at when `due` has come, unless it asks for another time by then.
    pub(crate) fn add(&self, due: Tick, session: Weak<Session>) {
        if let Some(slot) = self.slots.get(due as usize % SLOTS) {
            lock(slot).push(Entry { due, session });
        }
    }

    /// Lets every session look at the time whose moment lies after `from` and not after `to`.
    pub(crate) fn turn(&self, from: Tick, to: Tick) {
        let span = (to.saturating_sub(from) as usize).min(SLOTS);
        for step in 0..span {
            let slot = (to as usize).wrapping_sub(step) % SLOTS;
            let Some(slot) = self.slots.get(slot) else {
                continue;
            };
            let mut due = Vec::new();
            {
                let mut entries = lock(slot);
                entries.retain_mut(|entry| {
                    let is_due = entry.due <= to;
                    if is_due {
                        due.push((entry.due, std::mem::take(&mut entry.session)));
                    }
                    !is_due
                });
                if entries.is_empty() {
                    *entries = Vec::new();
                }
            }
            for (due, session) in due {
                if let Some(session) = session.upgrade()
                    && let Some(next) = session.look_at_time(due, self)
                {
                    self.add(next, std::sync::Arc::downgrade(&session));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Config, DisconnectReason, session::Shared};

    const SECOND: Duration = Duration::from_secs(1);

    /// Lets `seconds` pass, turning the wheel as a server does.
    async fn pass(shared: &Shared, seconds: u32) {
        let until = Instant::now() + SECOND * seconds;
        while Instant::now() < until {
            let last = shared.wheel.now();
            tokio::time::advance(shared.wheel.tick()).await;
            shared.wheel.turn(last, shared.wheel.now());
        }
    }

    fn shared() -> Arc<Shared> {
        Arc::new(Shared::new(Config {
            ping_interval: 25 * SECOND,
            ping_timeout: 20 * SECOND,
            connect_timeout: 45 * SECOND,
            ..Config::default()
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_each_heartbeat_stays_and_who_does_not_is_closed() {
        let shared = shared();
        let session = Session::polling(&shared, None);
        session.is_connected();
        for _ in 0..3 {
            pass(&shared, 26).await;
            assert!(session.has_waiting(), "no heartbeat");
            assert_eq!(session.poll().await.map(|frames| frames.len()), Ok(1));
            session.is_alive();
        }
        pass(&shared, 26).await;
        assert_eq!(session.closing(), None);
        pass(&shared, 20).await;
        assert_eq!(session.closing(), Some(DisconnectReason::PingTimeout));
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_be_heard_is_not_closed_for_silence() {
        let shared = shared();
        let session = Session::polling(&shared, None);
        session.is_connected();
        session.set_deaf(true);
        pass(&shared, 120).await;
        assert_eq!(session.closing(), None);
        session.set_deaf(false);
        pass(&shared, 46).await;
        assert_eq!(session.closing(), Some(DisconnectReason::PingTimeout));
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_connects_is_closed() {
        let shared = shared();
        let session = Session::polling(&shared, None);
        pass(&shared, 44).await;
        session.is_alive();
        assert_eq!(session.closing(), None);
        pass(&shared, 2).await;
        assert_eq!(session.closing(), Some(DisconnectReason::ConnectTimeout));
        assert!(!session.is_over());
        pass(&shared, 3).await;
        assert!(session.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_gone_leaves_nothing_in_the_wheel() {
        let shared = shared();
        let gone = Arc::downgrade(&Session::polling(&shared, None));
        assert!(gone.upgrade().is_none());
        pass(&shared, 26).await;
        assert_eq!(gone.weak_count(), 0);
        let left: usize = shared.wheel.slots.iter().map(|slot| lock(slot).len()).sum();
        assert_eq!(left, 0);
    }
}
