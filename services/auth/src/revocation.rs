//! Tells the gateways which sessions are dead: a list in Redis, with MongoDB
//! as the truth behind it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cache::Revocations;
use domain::{Session, SessionId, Timestamp};
use runtime::Clock;

use crate::{AuthError, mongo::SessionStore};

/// How often the list is looked after.
const INTERVAL: Duration = Duration::from_millis(500);
/// Sessions per page of a load.
const PAGE: i64 = 1_000;

/// Writes revocations to the list, and repairs it.
///
/// The list is loaded from MongoDB at start, when Redis has lost it, and after
/// a write to it has failed. Until then gateways that see an incomplete list
/// ask this service; what was answered as logged out is logged out.
#[derive(Clone)]
pub(crate) struct RevocationPublisher {
    list: Revocations,
    needs_load: Arc<AtomicBool>,
}

impl RevocationPublisher {
    pub(crate) fn new(list: Revocations) -> Self {
        Self {
            list,
            needs_load: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Publishes sessions that are revoked in MongoDB already.
    pub(crate) async fn publish(&self, sessions: &[Session], now: Timestamp) {
        if let Err(error) = self.list.add(&entries(sessions, now)).await {
            tracing::warn!(%error, "revocation not published, will be loaded");
            self.needs_load.store(true, Ordering::SeqCst);
        }
    }

    /// Keeps the list complete. Never ends by itself.
    pub(crate) async fn keep_complete(self, store: SessionStore, clock: Arc<dyn Clock>) {
        loop {
            if let Err(error) = self.complete(&store, clock.as_ref()).await {
                tracing::debug!(%error, "revocations cannot be loaded yet");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn complete(&self, store: &SessionStore, clock: &dyn Clock) -> Result<(), AuthError> {
        let was_asked_for = self.needs_load.swap(false, Ordering::SeqCst);
        let outcome = self.load_if(was_asked_for, store, clock).await;
        if outcome.is_err() && was_asked_for {
            self.needs_load.store(true, Ordering::SeqCst);
        }
        outcome
    }

    async fn load_if(
        &self,
        was_asked_for: bool,
        store: &SessionStore,
        clock: &dyn Clock,
    ) -> Result<(), AuthError> {
        if !was_asked_for && self.list.is_loaded().await? {
            return Ok(());
        }
        let load = self.list.begin_load().await?;
        let now = clock.now();
        let mut after = None;
        let mut count = 0_usize;
        loop {
            let page = store.revoked_after(after, now, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            count += page.len();
            self.list.add(&entries(&page, now)).await?;
        }
        if self.list.finish_load(&load).await? {
            tracing::info!(count, "revocations loaded");
            Ok(())
        } else {
            // Flushed in between: what was written may be gone.
            self.needs_load.store(true, Ordering::SeqCst);
            Ok(())
        }
    }
}

/// Each session with the time its tokens could still be shown.
fn entries(sessions: &[Session], now: Timestamp) -> Vec<(SessionId, Duration)> {
    sessions
        .iter()
        .map(|session| (session.id, session.expires_at.since(now)))
        .collect()
}
