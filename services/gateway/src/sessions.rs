//! Whether a session is alive, asked of its owner: for when Redis cannot say.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use contracts::{
    auth::v1::{
        CheckSessionRequest, GetKeysRequest, sessions_service_client::SessionsServiceClient,
    },
    rpc::CallerChannel,
};
use domain::{SessionId, Timestamp};
use quick_cache::sync::Cache;
use runtime::Clock;
use tonic::Status;

/// How long "alive" is believed; a revocation must take effect within a second.
const ALIVE_FOR: Duration = Duration::from_millis(500);
/// How long "ended" is believed. Sessions do not come back, so this bounds memory, not error.
const ENDED_FOR: Duration = Duration::from_mins(1);
/// How long auth is not asked again, where there is something else to go by.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// Most answers remembered.
const ANSWERS: usize = 65_536;

/// The sessions that auth owns.
pub(crate) struct Sessions {
    client: SessionsServiceClient<CallerChannel>,
    answers: Cache<SessionId, Answer>,
    /// When auth last failed to answer, in milliseconds since the epoch.
    failed_at: AtomicI64,
    clock: Arc<dyn Clock>,
}

#[derive(Clone, Copy)]
struct Answer {
    is_alive: bool,
    at: Timestamp,
}

impl Answer {
    fn is_fresh(self, now: Timestamp) -> bool {
        let age = if self.is_alive { ALIVE_FOR } else { ENDED_FOR };
        now.since(self.at) < age
    }
}

impl Sessions {
    pub(crate) fn new(channel: CallerChannel, clock: Arc<dyn Clock>) -> Self {
        Self {
            client: SessionsServiceClient::new(channel),
            answers: Cache::new(ANSWERS),
            failed_at: AtomicI64::new(i64::MIN),
            clock,
        }
    }

    /// The public keys of access tokens, as a JSON Web Key Set.
    pub(crate) async fn keys(&self) -> Result<String, Status> {
        let answer = self.client.clone().get_keys(GetKeysRequest {}).await?;
        Ok(answer.into_inner().jwks_json)
    }

    /// Whether auth has said lately that this session has ended. A list in
    /// Redis that does not have it yet is then behind.
    pub(crate) fn has_ended(&self, session_id: SessionId) -> bool {
        self.answers
            .get(&session_id)
            .is_some_and(|answer| !answer.is_alive && answer.is_fresh(self.clock.now()))
    }

    /// Whether auth has just failed to answer. A server behind it that hangs
    /// makes each question take its whole deadline.
    pub(crate) fn has_just_failed(&self) -> bool {
        let failed_at = Timestamp::from_millis(self.failed_at.load(Ordering::Relaxed));
        self.clock.now().since(failed_at) < FAILED_FOR
    }

    /// Whether tokens of this session may still be used.
    pub(crate) async fn is_alive(&self, session_id: SessionId) -> Result<bool, Status> {
        // Taken before the question: what the answer is worth counts from there.
        let at = self.clock.now();
        if let Some(answer) = self
            .answers
            .get(&session_id)
            .filter(|answer| answer.is_fresh(at))
        {
            return Ok(answer.is_alive);
        }
        let question = CheckSessionRequest {
            session_id: session_id.to_string(),
        };
        let asked = self.client.clone().check_session(question).await;
        let answer = asked.inspect_err(|_| {
            let now = self.clock.now().as_millis();
            self.failed_at.store(now, Ordering::Relaxed);
        })?;
        let is_alive = answer.into_inner().is_alive;
        self.answers.insert(session_id, Answer { is_alive, at });
        Ok(is_alive)
    }
}
