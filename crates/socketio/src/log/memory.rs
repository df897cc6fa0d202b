use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::future;
use tokio::time::Instant;

use super::{
    Appended, EventLog, LogError, LogFuture, LoggedEvent, Offset, Reading, Retention, SavedSession,
};
use crate::lock::lock;

/// Logs in the memory of this process: for a server that is alone, and lost
/// with it.
///
/// What has outlived its retention goes when the logs are touched, which whoever
/// follows them does.
#[derive(Debug, Default)]
pub struct MemoryLog {
    retention: Retention,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    logs: HashMap<Box<str>, Log>,
    saved: HashMap<Box<str>, Saved>,
    last_epoch: u64,
}

#[derive(Debug)]
struct Log {
    head: Offset,
    /// Those that were not pushed out, the last one at the head.
    events: VecDeque<LoggedEvent>,
    ids: SeenIds,
    expires_at: Instant,
}

#[derive(Debug)]
struct Saved {
    session: SavedSession,
    expires_at: Instant,
}

impl MemoryLog {
    /// No logs yet.
    #[must_use]
    pub fn new(retention: Retention) -> Self {
        Self {
            retention,
            state: Mutex::default(),
        }
    }

    /// Answers by what is there at this moment, for no longer than it takes.
    fn now<'a, T: Send + 'a>(
        &self,
        answer: impl FnOnce(&mut State, Instant) -> T,
    ) -> LogFuture<'a, T> {
        let answer = answer(&mut lock(&self.state), Instant::now());
        Box::pin(future::ready(Ok::<_, LogError>(answer)))
    }
}

impl EventLog for MemoryLog {
    fn retention(&self) -> Retention {
        self.retention
    }

    fn append<'a>(
        &'a self,
        log: &'a str,
        event: &'a LoggedEvent,
        id: Option<&'a str>,
    ) -> LogFuture<'a, Appended> {
        self.now(|state, now| match state.alive(log, now) {
            Some(log) => log.append(event, id, self.retention, now),
            None => Appended::Nobody,
        })
    }

    fn open<'a>(&'a self, log: &'a str) -> LogFuture<'a, Offset> {
        let life = self.retention.life();
        self.now(|state, now| {
            if let Some(log) = state.alive(log, now) {
                log.expires_at = now + life;
                return log.head;
            }
            let head = Offset {
                epoch: state.next_epoch(),
                position: 0,
            };
            state.logs.insert(log.into(), Log::new(head, now + life));
            head
        })
    }

    fn read<'a>(&'a self, log: &'a str, after: Offset, limit: usize) -> LogFuture<'a, Reading> {
        self.now(|state, now| match state.alive(log, now) {
            Some(log) => log.read(after, limit),
            None => Reading::Gap,
        })
    }

    fn heads<'a>(&'a self, logs: &'a [&'a str]) -> LogFuture<'a, Vec<Option<Offset>>> {
        self.now(|state, now| {
            let head = |log: &&str| state.alive(log, now).map(|log| log.head);
            logs.iter().map(head).collect()
        })
    }

    fn touch<'a>(&'a self, logs: &'a [&'a str]) -> LogFuture<'a, Vec<bool>> {
        let life = self.retention.life();
        self.now(|state, now| {
            let touch = |log: &&str| {
                let log = state.alive(log, now);
                log.map(|log| log.expires_at = now + life).is_some()
            };
            let exist = logs.iter().map(touch).collect();
            state.purge(now);
            exist
        })
    }

    fn save<'a>(&'a self, pid: &'a str, session: &'a SavedSession) -> LogFuture<'a, ()> {
        self.now(|state, now| {
            let saved = Saved {
                session: session.clone(),
                expires_at: now + self.retention.time,
            };
            state.saved.insert(pid.into(), saved);
        })
    }

    fn take<'a>(&'a self, pid: &'a str) -> LogFuture<'a, Option<SavedSession>> {
        self.now(|state, now| {
            let saved = state.saved.remove(pid)?;
            (saved.expires_at > now).then_some(saved.session)
        })
    }
}

impl State {
    fn alive(&mut self, log: &str, now: Instant) -> Option<&mut Log> {
        self.logs.get_mut(log).filter(|log| log.expires_at > now)
    }

    /// In microseconds since 1970, so that no offset of an earlier process can
    /// be taken for one of this.
    fn next_epoch(&mut self) -> u64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since_1970.map_or(0, |time| time.as_micros());
        let clock = u64::try_from(micros).unwrap_or(u64::MAX);
        self.last_epoch = clock.max(self.last_epoch + 1);
        self.last_epoch
    }

    fn purge(&mut self, now: Instant) {
        self.logs.retain(|_, log| log.expires_at > now);
        self.saved.retain(|_, saved| saved.expires_at > now);
    }
}

impl Log {
    fn new(head: Offset, expires_at: Instant) -> Self {
        Self {
            head,
            events: VecDeque::new(),
            ids: SeenIds::default(),
            expires_at,
        }
    }

    fn append(
        &mut self,
        event: &LoggedEvent,
        id: Option<&str>,
        retention: Retention,
        now: Instant,
    ) -> Appended {
        if let Some(id) = id
            && !self.ids.insert(id, retention.time, now)
        {
            return Appended::Repeated;
        }
        self.head.position += 1;
        self.events.push_back(event.clone());
        if self.events.len() > retention.events {
            self.events.pop_front();
        }
        Appended::At(self.head)
    }

    fn read(&self, after: Offset, limit: usize) -> Reading {
        if after.epoch != self.head.epoch {
            return Reading::Gap;
        }
        let Some(behind) = self.head.position.checked_sub(after.position) else {
            return Reading::Gap;
        };
        let Some(skipped) = self
            .events
            .len()
            .checked_sub(usize::try_from(behind).unwrap_or(usize::MAX))
        else {
            return Reading::Gap;
        };
        let positions = (after.position + 1..).map(|position| Offset { position, ..after });
        let events: Vec<_> = positions
            .zip(self.events.iter().skip(skipped).cloned())
            .take(limit)
            .collect();
        let more = skipped + events.len() < self.events.len();
        Reading::Complete { events, more }
    }
}

/// The ids of the events that a log took within the retention.
#[derive(Debug, Default)]
struct SeenIds {
    ids: HashSet<Box<str>>,
    by_age: VecDeque<(Instant, Box<str>)>,
}

impl SeenIds {
    /// Whether `id` is new.
    fn insert(&mut self, id: &str, time: Duration, now: Instant) -> bool {
        while let Some((seen_at, _)) = self.by_age.front()
            && *seen_at + time <= now
        {
            if let Some((_, id)) = self.by_age.pop_front() {
                self.ids.remove(&id);
            }
        }
        if !self.ids.insert(id.into()) {
            return false;
        }
        self.by_age.push_back((now, id.into()));
        true
    }
}
