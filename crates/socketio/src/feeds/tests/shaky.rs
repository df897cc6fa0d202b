use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

use crate::{
    Appended, EventLog, LogError, LogFuture, LoggedEvent, MemoryLog, Offset, Reading, Retention,
    SavedSession, lock::lock,
};

/// A log as it is when it is far away: answers take a while and arrive in any
/// order, or do not; it may forget.
pub(super) struct ShakyLog {
    log: Mutex<Arc<MemoryLog>>,
    retention: Retention,
    pub(super) fails: AtomicBool,
    pub(super) is_corrupt: AtomicBool,
    pub(super) reads: AtomicUsize,
    /// Whether a log was opened, though the answer may be held up.
    pub(super) opened: AtomicBool,
    gate: Arc<RwLock<()>>,
}

impl ShakyLog {
    pub(super) fn new(retention: Retention) -> Self {
        Self {
            log: Mutex::new(Arc::new(MemoryLog::new(retention))),
            retention,
            fails: AtomicBool::new(false),
            is_corrupt: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
            opened: AtomicBool::new(false),
            gate: Arc::default(),
        }
    }

    /// As a Redis that was flushed.
    pub(super) fn forget(&self) {
        *lock(&self.log) = Arc::new(MemoryLog::new(self.retention));
    }

    /// Answers to `open` wait until this is dropped.
    pub(super) async fn close_open(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.gate).write_owned().await
    }

    fn log(&self) -> Arc<MemoryLog> {
        Arc::clone(&lock(&self.log))
    }

    async fn travel(&self) -> Result<(), LogError> {
        for _ in 0..rand::random_range(0..4) {
            tokio::task::yield_now().await;
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(LogError::Unavailable("it is shaky".into()));
        }
        if self.is_corrupt.load(Ordering::SeqCst) {
            return Err(LogError::Corrupt("it is shaky".into()));
        }
        Ok(())
    }
}

impl EventLog for ShakyLog {
    fn retention(&self) -> Retention {
        self.retention
    }

    fn append<'a>(
        &'a self,
        log: &'a str,
        event: &'a LoggedEvent,
        id: Option<&'a str>,
    ) -> LogFuture<'a, Appended> {
        Box::pin(async move {
            self.travel().await?;
            let answer = self.log().append(log, event, id).await;
            self.travel().await?;
            answer
        })
    }

    fn open<'a>(&'a self, log: &'a str) -> LogFuture<'a, Offset> {
        Box::pin(async move {
            self.travel().await?;
            let answer = self.log().open(log).await;
            self.opened.store(true, Ordering::SeqCst);
            let _gate = self.gate.read().await;
            self.travel().await?;
            answer
        })
    }

    fn read<'a>(&'a self, log: &'a str, after: Offset, limit: usize) -> LogFuture<'a, Reading> {
        Box::pin(async move {
            self.reads.fetch_add(1, Ordering::SeqCst);
            self.travel().await?;
            let answer = self.log().read(log, after, limit).await;
            self.travel().await?;
            answer
        })
    }

    fn heads<'a>(&'a self, logs: &'a [&'a str]) -> LogFuture<'a, Vec<Option<Offset>>> {
        Box::pin(async move {
            self.travel().await?;
            let answer = self.log().heads(logs).await;
            self.travel().await?;
            answer
        })
    }

    fn touch<'a>(&'a self, logs: &'a [&'a str]) -> LogFuture<'a, Vec<bool>> {
        Box::pin(async move {
            self.travel().await?;
            self.log().touch(logs).await
        })
    }

    fn save<'a>(&'a self, pid: &'a str, session: &'a SavedSession) -> LogFuture<'a, ()> {
        Box::pin(async move { self.log().save(pid, session).await })
    }

    fn take<'a>(&'a self, pid: &'a str) -> LogFuture<'a, Option<SavedSession>> {
        Box::pin(async move { self.log().take(pid).await })
    }
}
