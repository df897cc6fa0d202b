use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use domain::Timestamp;

/// Tells the time. Services never ask the operating system themselves, so
/// that a test can make tokens expire and birthdays come.
pub trait Clock: Send + Sync + 'static {
    /// The present moment in microseconds since the Unix epoch, for what must
    /// tell two events of one millisecond apart.
    fn now_micros(&self) -> i64;

    /// The present moment.
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_micros().div_euclid(1000))
    }
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
    }
}

/// A clock that runs with the system's, ahead or behind by what a test says.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    ahead_micros: Arc<AtomicI64>,
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.ahead_micros.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> i64 {
        let ahead = self.ahead_micros.load(Ordering::SeqCst);
        SystemClock.now_micros().saturating_add(ahead)
    }
}
