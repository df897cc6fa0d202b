//! The event log: what lets a client that was away for a moment get what it
//! missed, and lets the server say so only when nothing is missing.
//!
//! A log has a name (one user's, say) and holds that user's last events in
//! order. Those who read it know by the continuity of positions that they have
//! read everything; where that cannot be shown, there is a [`Reading::Gap`].

mod memory;
mod offset;
#[cfg(feature = "redis")]
mod redis;

use std::{error::Error, time::Duration};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use self::memory::MemoryLog;
pub use self::offset::{Offset, OffsetError};
#[cfg(feature = "redis")]
pub use self::redis::RedisLog;
use crate::{EncodeError, Message, SocketId};

/// An event as a log keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedEvent {
    /// A JSON array that begins with the event's name.
    pub args: String,
    /// The id of the socket that does not get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<String>,
}

impl LoggedEvent {
    /// The event as a log keeps it; the socket `except` does not get it.
    pub fn new(message: &Message, except: Option<SocketId>) -> Result<Self, EncodeError> {
        Ok(Self {
            args: message.args_json()?.to_owned(),
            except: except.map(|id| id.to_string()),
        })
    }

    pub(crate) fn except(&self) -> Option<SocketId> {
        self.except.as_deref().and_then(SocketId::parse)
    }
}

/// What became of an event that was to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log, here.
    At(Offset),
    /// The log had taken an event with this id already; nothing changed.
    Repeated,
    /// There is no such log: nobody follows it, or did lately. Nothing was
    /// stored.
    Nobody,
}

/// What lies behind an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// These are the next events, and none between them is missing.
    Complete {
        /// In order.
        events: Vec<(Offset, LoggedEvent)>,
        /// Whether there may be more behind the last.
        more: bool,
    },
    /// It cannot be shown that nothing is missing: the log has been made anew,
    /// it has been trimmed since, or it never was where the offset says.
    Gap,
}

/// A connected socket as its session leaves it, for when the client comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSession {
    /// The id the socket had.
    pub socket_id: String,
    /// The log it followed.
    pub log: String,
    /// The rooms it was in.
    pub rooms: Vec<String>,
    /// Where it began to follow. What the client itself says it has had comes
    /// first; a client that has had nothing goes on from here.
    pub offset: Offset,
}

/// How long and how much a log keeps.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// How long at least what a log holds is kept after the last touch but one,
    /// ids of events and saved sessions included.
    pub time: Duration,
    /// How often those who follow a log touch it. A log that was touched lives
    /// for `time` and twice this, for a pass over many logs may come to one of
    /// them first and to the same one last the next time.
    pub touch_interval: Duration,
    /// How many events a log holds; those beyond push out the oldest.
    pub events: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            time: Duration::from_mins(2),
            touch_interval: Duration::from_mins(1),
            events: 1_000,
        }
    }
}

impl Retention {
    /// How long a log lives after it was touched.
    fn life(&self) -> Duration {
        self.time + 2 * self.touch_interval
    }
}

/// A log did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It did not answer, or not in time. What was to be appended may have been.
    #[error("the event log does not answer")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It holds something that no event log has written.
    #[error("the event log holds what it should not")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
}

/// What a log promises to answer.
pub type LogFuture<'a, T> = BoxFuture<'a, Result<T, LogError>>;

/// Keeps the last events of many logs.
///
/// A log exists from [`EventLog::open`] on until nobody has touched it for a
/// while, and each life of it has an epoch of its own.
pub trait EventLog: Send + Sync + 'static {
    /// How long and how much it keeps.
    fn retention(&self) -> Retention;

    /// Adds an event.
    ///
    /// With an `id`, a second append of that id within the retention changes
    /// nothing: this is how an append whose answer was lost is tried again.
    fn append<'a>(
        &'a self,
        log: &'a str,
        event: &'a LoggedEvent,
        id: Option<&'a str>,
    ) -> LogFuture<'a, Appended>;

    /// Creates the log if there is none, touches it, and tells where it ends.
    fn open<'a>(&'a self, log: &'a str) -> LogFuture<'a, Offset>;

    /// About `limit` events behind `after`.
    fn read<'a>(&'a self, log: &'a str, after: Offset, limit: usize) -> LogFuture<'a, Reading>;

    /// Where each of the logs ends, `None` for one that does not exist; one
    /// round trip.
    fn heads<'a>(&'a self, logs: &'a [&'a str]) -> LogFuture<'a, Vec<Option<Offset>>>;

    /// Keeps the logs for longer, and tells which of them exist; one round trip.
    fn touch<'a>(&'a self, logs: &'a [&'a str]) -> LogFuture<'a, Vec<bool>>;

    /// Keeps a session under the id that only its client knows.
    fn save<'a>(&'a self, pid: &'a str, session: &'a SavedSession) -> LogFuture<'a, ()>;

    /// Gives a saved session out, once.
    fn take<'a>(&'a self, pid: &'a str) -> LogFuture<'a, Option<SavedSession>>;
}
