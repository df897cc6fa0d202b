//! Which logins are over.

use std::sync::atomic::{AtomicBool, Ordering};

use cache::{Cache, RevocationStatus, keys, redis};
use domain::SessionId;
use futures_util::{StreamExt, stream};
use tonic::Status;

use crate::{auth::Auth, refusal::Refusal};

/// Questions to auth at a time: one of each is a query of its database.
const QUESTIONS: usize = 16;

/// The list of revoked sessions in Redis, and auth where that is no help.
pub(crate) struct Sessions {
    cache: Cache,
    auth: Auth,
}

impl Sessions {
    pub(crate) fn new(cache: Cache, auth: Auth) -> Self {
        Self { cache, auth }
    }

    /// Refuses a session that was revoked, and one of which nobody can tell.
    pub(crate) async fn check(&self, session_id: SessionId) -> Result<(), Refusal> {
        let statuses = self.statuses(&[session_id]).await;
        let status = statuses.first().copied();
        match status.unwrap_or(RevocationStatus::Unknown) {
            RevocationStatus::Alive => Ok(()),
            RevocationStatus::Revoked => Err(Refusal::SessionRevoked),
            fallback @ (RevocationStatus::Stale | RevocationStatus::Unknown) => {
                match self.auth.is_alive(session_id).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(Refusal::SessionRevoked),
                    // Without auth nobody can log out, so the list lacks at most what was
                    // revoked in auth's last moments.
                    Err(_) if fallback == RevocationStatus::Stale => Ok(()),
                    Err(status) => {
                        tracing::warn!(%status, "session cannot be checked");
                        Err(Refusal::Unavailable)
                    }
                }
            }
        }
    }

    /// Those of `sessions` that are known to be over. Of which nobody can tell, goes on.
    pub(crate) async fn ended(&self, sessions: &[SessionId]) -> Vec<SessionId> {
        let statuses = self.statuses(sessions).await;
        let known = sessions.iter().copied().zip(statuses);
        // One that hangs would make each of many questions take its whole deadline.
        let is_silent = AtomicBool::new(false);
        let looks = stream::iter(known).map(async |(session_id, status)| {
            let is_over = match status {
                RevocationStatus::Alive => false,
                RevocationStatus::Revoked => true,
                RevocationStatus::Stale | RevocationStatus::Unknown => {
                    !is_silent.load(Ordering::Relaxed)
                        && self.is_over(session_id).await.unwrap_or_else(|_status| {
                            is_silent.store(true, Ordering::Relaxed);
                            false
                        })
                }
            };
            is_over.then_some(session_id)
        });
        let looks = looks.buffer_unordered(QUESTIONS);
        looks.filter_map(std::future::ready).collect().await
    }

    /// What auth says.
    async fn is_over(&self, session_id: SessionId) -> Result<bool, Status> {
        Ok(!self.auth.is_alive(session_id).await?)
    }

    /// What the list says of each; that it knows nothing, if Redis does not answer.
    async fn statuses(&self, sessions: &[SessionId]) -> Vec<RevocationStatus> {
        let mut command = redis::cmd("MGET");
        command
            .arg(keys::REVOCATIONS_LOADED)
            .arg(keys::REVOCATIONS_CURRENT);
        for session_id in sessions {
            command.arg(keys::revoked_session(*session_id));
        }
        let found: Result<Vec<Option<redis::Value>>, _> =
            command.query_async(&mut self.cache.shared()).await;
        let found = found.unwrap_or_else(|error| {
            tracing::debug!(%error, "revocations not read");
            Vec::new()
        });
        let mut marks = found.into_iter().map(|mark| mark.is_some());
        let (is_loaded, is_current) = (marks.next() == Some(true), marks.next() == Some(true));
        let status = |_| {
            let is_revoked = marks.next() == Some(true);
            RevocationStatus::from_exists(is_revoked, is_loaded, is_current)
        };
        sessions.iter().map(status).collect()
    }
}
