//! What was acknowledged is seen everywhere once the queues have drained, and
//! that may take a while.

use std::time::{Duration, Instant};

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(250);

/// The time that is left for it.
pub(crate) struct Settling {
    deadline: Instant,
}

impl Settling {
    /// All of it, from now on.
    pub(crate) fn begin(patience: Duration) -> Self {
        Self {
            deadline: Instant::now() + patience,
        }
    }

    /// Looks until what is seen is `right`, or the time is over; the last thing seen.
    pub(crate) async fn look<T>(
        &self,
        look: impl AsyncFn() -> anyhow::Result<T>,
        right: impl Fn(&T) -> bool,
    ) -> anyhow::Result<T> {
        loop {
            let seen = look().await?;
            if right(&seen) || Instant::now() >= self.deadline {
                return Ok(seen);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What a comparison of everything of a kind has found.
pub(crate) struct Findings {
    /// What was compared.
    pub(crate) subject: &'static str,
    /// How many there are.
    pub(crate) all: usize,
    /// What is not as it should be.
    pub(crate) faults: Vec<String>,
}

impl Findings {
    /// Of what was compared, each with its fault if it has one.
    pub(crate) fn new(subject: &'static str, compared: Vec<Option<String>>) -> Self {
        Self {
            subject,
            all: compared.len(),
            faults: compared.into_iter().flatten().collect(),
        }
    }
}
