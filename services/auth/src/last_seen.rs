//! When the devices that somebody is logged in on were last there.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::SessionId;
use runtime::Clock;

use crate::mongo::SessionStore;

/// How exact it is: a device that was seen less long ago need not be noted.
const PRECISION: Duration = Duration::from_hours(1);
/// Between two writes.
const INTERVAL: Duration = Duration::from_secs(5);
/// Most sessions of a write; those beyond are noted the next time they are seen.
const BATCH: usize = 10_000;

/// Notes sessions that were seen and writes them together, behind the requests.
/// What is not written when the process ends is lost: it is the next time that counts.
#[derive(Clone, Default)]
pub(crate) struct LastSeen {
    pending: Arc<Mutex<HashSet<SessionId>>>,
}

impl LastSeen {
    /// This session is there now.
    pub(crate) fn note(&self, id: SessionId) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < BATCH {
            pending.insert(id);
        }
    }

    /// Writes what was noted. Never ends by itself.
    pub(crate) async fn keep_written(self, store: SessionStore, clock: Arc<dyn Clock>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let seen = self.take();
            if seen.is_empty() {
                continue;
            }
            let now = clock.now();
            if let Err(error) = store.set_seen(seen, now, now.minus(PRECISION)).await {
                tracing::warn!(%error, "sessions seen were not noted");
            }
        }
    }

    fn take(&self) -> Vec<SessionId> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.drain().collect()
    }
}
