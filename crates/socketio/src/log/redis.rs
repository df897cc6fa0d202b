mod entry;

use std::time::Duration;

use ::redis::{FromRedisValue, RedisError, Script, aio::ConnectionManager, cmd, pipe};

use self::entry::{Entry, stream_id};
use super::{
    Appended, EventLog, LogError, LogFuture, LoggedEvent, Offset, Reading, Retention, SavedSession,
};

/// Which run of Redis this is, and since when.
const RUN: &str = "events.run";

/// Logs in Redis streams, for servers that are several, or that restart.
///
/// The stream of a log is `events:<log>`, and the ids of its entries are
/// `<epoch>-<position>`. The epoch is the time by Redis, in microseconds, when
/// the log was opened, so a log that was lost and opened anew has another.
///
/// A restart of Redis loses nothing if Redis writes an append-only file: readers
/// go on where they were. Entries that it forgot all the same (the machine went
/// down; `appendfsync everysec` writes to the disk once a second) are missed by
/// those who had had them, who then read a gap. Those who had not had them yet
/// cannot know: `appendfsync always` forgets none, and appending once more, with
/// the same id, repairs it.
pub struct RedisLog {
    connection: ConnectionManager,
    retention: Retention,
    append: Script,
    open: Script,
    heads: Script,
}

impl RedisLog {
    /// `connection` is shared: its response timeout is how long an answer is
    /// waited for, and what blocks it blocks the logs.
    #[must_use]
    pub fn new(connection: ConnectionManager, retention: Retention) -> Self {
        const APPEND: &str = concat!(
            include_str!("redis/life.lua"),
            include_str!("redis/append.lua")
        );
        const OPEN: &str = concat!(
            include_str!("redis/life.lua"),
            include_str!("redis/open.lua")
        );
        const HEADS: &str = concat!(
            include_str!("redis/life.lua"),
            include_str!("redis/heads.lua")
        );
        Self {
            connection,
            retention,
            append: Script::new(APPEND),
            open: Script::new(OPEN),
            heads: Script::new(HEADS),
        }
    }

    async fn append(
        &self,
        log: &str,
        event: &LoggedEvent,
        id: Option<&str>,
    ) -> Result<Appended, LogError> {
        let mut call = self.append.key(stream(log));
        call.key(ids(log))
            .key(RUN)
            .arg(&event.args)
            .arg(self.retention.events)
            .arg(id.unwrap_or_default())
            .arg(millis(self.retention.time));
        if let Some(except) = &event.except {
            call.arg(except);
        }
        let answer: String = call
            .invoke_async(&mut self.connection.clone())
            .await
            .map_err(fault)?;
        match answer.as_str() {
            "nobody" => Ok(Appended::Nobody),
            "repeated" => Ok(Appended::Repeated),
            id => Ok(Appended::At(entry::offset(id)?)),
        }
    }

    async fn open(&self, log: &str) -> Result<Offset, LogError> {
        let mut call = self.open.key(stream(log));
        call.key(ids(log))
            .key(RUN)
            .arg(millis(self.retention.life()));
        let head: String = call
            .invoke_async(&mut self.connection.clone())
            .await
            .map_err(fault)?;
        entry::offset(&head)
    }

    async fn read(&self, log: &str, after: Offset, limit: usize) -> Result<Reading, LogError> {
        let mut range = cmd("XRANGE");
        range
            .arg(stream(log))
            .arg(stream_id(after))
            .arg("+")
            .arg("COUNT")
            .arg(limit.saturating_add(1));
        let entries: Vec<Entry> = self.answer(&range).await?;
        let more = entries.len() > limit;
        Ok(match entry::chain(after, entries)? {
            Some(events) => Reading::Complete { events, more },
            None => Reading::Gap,
        })
    }

    async fn heads(&self, logs: &[&str]) -> Result<Vec<Option<Offset>>, LogError> {
        let mut call = self.heads.prepare_invoke();
        for log in logs {
            call.key(stream(log));
        }
        let heads: Vec<Option<String>> = call
            .invoke_async(&mut self.connection.clone())
            .await
            .map_err(fault)?;
        let offset = |head: Option<String>| head.as_deref().map(entry::offset).transpose();
        heads.into_iter().map(offset).collect()
    }

    async fn touch(&self, logs: &[&str]) -> Result<Vec<bool>, LogError> {
        if logs.is_empty() {
            return Ok(Vec::new());
        }
        let mut touches = pipe();
        let life = millis(self.retention.life());
        for log in logs {
            touches.cmd("PEXPIRE").arg(stream(log)).arg(life);
        }
        touches
            .query_async(&mut self.connection.clone())
            .await
            .map_err(fault)
    }

    async fn save(&self, pid: &str, session: &SavedSession) -> Result<(), LogError> {
        let session =
            serde_json::to_string(session).map_err(|error| LogError::Corrupt(error.into()))?;
        let mut set = cmd("SET");
        set.arg(saved(pid))
            .arg(session)
            .arg("PX")
            .arg(millis(self.retention.time));
        self.answer(&set).await
    }

    async fn take(&self, pid: &str) -> Result<Option<SavedSession>, LogError> {
        let session: Option<String> = self.answer(cmd("GETDEL").arg(saved(pid))).await?;
        let parse = |session: String| serde_json::from_str(&session);
        let session = session.map(parse).transpose();
        session.map_err(|error| LogError::Corrupt(error.into()))
    }

    async fn answer<T: FromRedisValue>(&self, command: &::redis::Cmd) -> Result<T, LogError> {
        command
            .query_async(&mut self.connection.clone())
            .await
            .map_err(fault)
    }
}

impl EventLog for RedisLog {
    fn retention(&self) -> Retention {
        self.retention
    }

    fn append<'a>(
        &'a self,
        log: &'a str,
        event: &'a LoggedEvent,
        id: Option<&'a str>,
    ) -> LogFuture<'a, Appended> {
        Box::pin(self.append(log, event, id))
    }

    fn open<'a>(&'a self, log: &'a str) -> LogFuture<'a, Offset> {
        Box::pin(self.open(log))
    }

    fn read<'a>(&'a self, log: &'a str, after: Offset, limit: usize) -> LogFuture<'a, Reading> {
        Box::pin(self.read(log, after, limit))
    }

    fn heads<'a>(&'a self, logs: &'a [&'a str]) -> LogFuture<'a, Vec<Option<Offset>>> {
        Box::pin(self.heads(logs))
    }

    fn touch<'a>(&'a self, logs: &'a [&'a str]) -> LogFuture<'a, Vec<bool>> {
        Box::pin(self.touch(logs))
    }

    fn save<'a>(&'a self, pid: &'a str, session: &'a SavedSession) -> LogFuture<'a, ()> {
        Box::pin(self.save(pid, session))
    }

    fn take<'a>(&'a self, pid: &'a str) -> LogFuture<'a, Option<SavedSession>> {
        Box::pin(self.take(pid))
    }
}

impl std::fmt::Debug for RedisLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisLog").finish_non_exhaustive()
    }
}

fn stream(log: &str) -> String {
    format!("events:{log}")
}

fn ids(log: &str) -> String {
    format!("events.ids:{log}")
}

fn saved(pid: &str) -> String {
    format!("events.session:{pid}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What a command failed of: what Redis holds is at fault, or Redis is.
fn fault(error: RedisError) -> LogError {
    use ::redis::ErrorKind::{Extension, Parse, UnexpectedReturnType};

    match error.kind() {
        Parse | UnexpectedReturnType => LogError::Corrupt(error.into()),
        Extension if error.code() == Some("WRONGTYPE") => LogError::Corrupt(error.into()),
        _ => LogError::Unavailable(error.into()),
    }
}
