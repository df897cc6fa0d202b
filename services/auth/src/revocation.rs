//! Tells the gateways which sessions are dead: a list in Redis, with MongoDB
//! as the truth behind it.

use std::{sync::Arc, time::Duration};

use cache::Revocations;
use domain::{Session, SessionId, Timestamp};
use runtime::Clock;

use crate::{AuthError, mongo::SessionStore};

/// How often the list is completed: three times in what it counts as current for.
const INTERVAL: Duration = Duration::from_millis(200);
/// How far back a pass looks beyond the last one: longer than a transaction
/// takes to commit, and than the clocks of replicas differ.
const OVERLAP: Duration = Duration::from_secs(15);
/// Sessions per page.
const PAGE: i64 = 1_000;

/// Writes revocations to the list, and completes it.
///
/// A logout publishes its own sessions at once. Whatever stops that from
/// happening (Redis out of reach, a crash in between, another replica's
/// trouble) is made good by the passes of every replica: each adds what was
/// revoked since its last one, and renews the list's lease only then.
#[derive(Clone)]
pub(crate) struct RevocationPublisher {
    list: Revocations,
}

impl RevocationPublisher {
    pub(crate) fn new(list: Revocations) -> Self {
        Self { list }
    }

    /// Publishes sessions that are revoked in MongoDB already.
    pub(crate) async fn publish(&self, sessions: &[Session], now: Timestamp) {
        if let Err(error) = self.list.add(&entries(sessions, now)).await {
            tracing::warn!(%error, "revocation not published, left to the next pass");
        }
    }

    /// Keeps the list complete. Never ends by itself.
    pub(crate) async fn keep_complete(self, store: SessionStore, clock: Arc<dyn Clock>) {
        let mut last_pass = None;
        loop {
            let began = clock.now();
            match self.pass(&store, last_pass, began).await {
                Ok(true) => last_pass = Some(began),
                // Flushed, or another replica loads: what was written may be gone.
                Ok(false) => last_pass = None,
                Err(error) => tracing::debug!(%error, "revocations cannot be completed"),
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Adds what was revoked since `last_pass`, or everything. False: do it again.
    async fn pass(
        &self,
        store: &SessionStore,
        last_pass: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, AuthError> {
        match last_pass {
            Some(last_pass) if self.list.is_loaded().await? => {
                let since = last_pass.minus(OVERLAP);
                self.add_since(store, since, now).await?;
            }
            _ => {
                let load = self.list.begin_load().await?;
                let count = self
                    .add_since(store, Timestamp::from_millis(0), now)
                    .await?;
                if !self.list.finish_load(&load).await? {
                    return Ok(false);
                }
                tracing::info!(count, "revocations loaded");
            }
        }
        self.list.renew().await?;
        Ok(true)
    }

    async fn add_since(
        &self,
        store: &SessionStore,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<usize, AuthError> {
        let mut after = None;
        let mut count = 0;
        loop {
            let page = store.revoked(since, after, now, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(count);
            };
            after = last.revoked_at.map(|at| (at, last.id));
            count += page.len();
            self.list.add(&entries(&page, now)).await?;
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
