//! Rate limit and revocation, in one round trip to Redis, and without Redis.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cache::{Cache, RevocationStatus, keys, redis};
use domain::SessionId;
use metrics::counter;
use runtime::{Clock, Readiness};
use tokio::{sync::Notify, time::sleep};

use crate::{
    problem::Code,
    rate_limit::{Hit, LocalWindows, Policies, Policy, Quota, Scope},
    sessions::Sessions,
    workers::{PerWorker, WorkerIndex},
};

/// Between two looks at a Redis that answers.
const WATCH: Duration = Duration::from_secs(1);
/// Between two looks at one that does not.
const RECOVERY: Duration = Duration::from_millis(200);

/// What `PTTL` says of a key that does not expire.
const NO_END: i64 = -1;

/// Decides whether a request may go on.
pub(crate) struct Admission {
    /// Asked whether Redis is up.
    cache: Cache,
    /// Asked about requests: a connection each.
    caches: PerWorker<Cache>,
    /// Requests skip Redis while it is down: only [`Admission::watch`] waits for it then.
    is_redis_up: AtomicBool,
    redis_failed: Notify,
    windows: LocalWindows,
    sessions: Arc<Sessions>,
    policies: &'static Policies,
    clock: Arc<dyn Clock>,
}

/// What one round trip has brought.
pub(crate) struct Standing {
    pub(crate) quota: Quota,
    revocation: RevocationStatus,
}

impl Admission {
    pub(crate) fn new(
        cache: Cache,
        caches: PerWorker<Cache>,
        sessions: Arc<Sessions>,
        policies: &'static Policies,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            cache,
            caches,
            is_redis_up: AtomicBool::new(true),
            redis_failed: Notify::new(),
            windows: LocalWindows::new(),
            sessions,
            policies,
            clock,
        }
    }

    /// Counts a request of `client` in its `scope`, and looks its session up.
    pub(crate) async fn standing(
        &self,
        client: IpAddr,
        scope: Scope,
        session: Option<SessionId>,
        worker: WorkerIndex,
    ) -> Standing {
        let policy = self.policies.of(scope);
        let window = keys::rate_limit(policy.name, &keys::rate_limited_client(client));
        let (hit, revocation, source) = if let Some((hit, revocation)) =
            self.ask_redis(policy, &window, session, worker).await
        {
            (hit, revocation, Source::Redis)
        } else {
            let hit = self.windows.hit(policy, &window, self.clock.now());
            (hit, RevocationStatus::Unknown, Source::Local)
        };
        let quota = Quota::new(policy, hit);
        count_decision(quota.is_exceeded(), source);
        Standing { quota, revocation }
    }

    /// Refuses the session if it was revoked, and also when nobody can tell.
    pub(crate) async fn check_session(
        &self,
        standing: &Standing,
        session_id: SessionId,
    ) -> Result<(), Code> {
        if self.sessions.has_ended(session_id) {
            return Err(Code::SessionRevoked);
        }
        match standing.revocation {
            RevocationStatus::Alive => Ok(()),
            RevocationStatus::Revoked => Err(Code::SessionRevoked),
            RevocationStatus::Stale if self.sessions.has_just_failed() => Ok(()),
            fallback @ (RevocationStatus::Stale | RevocationStatus::Unknown) => {
                counter!("gateway_session_fallbacks_total").increment(1);
                match self.sessions.is_alive(session_id).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(Code::SessionRevoked),
                    // Without auth nobody can log out, so the list lacks at most what was
                    // revoked in auth's last moments. That must not shut every other door.
                    Err(_) if fallback == RevocationStatus::Stale => Ok(()),
                    Err(status) => {
                        tracing::warn!(%status, "session cannot be checked");
                        Err(Code::UpstreamUnavailable)
                    }
                }
            }
        }
    }

    /// `None` when Redis is down or fails now.
    async fn ask_redis(
        &self,
        policy: &Policy,
        window: &str,
        session: Option<SessionId>,
        worker: WorkerIndex,
    ) -> Option<(Hit, RevocationStatus)> {
        if !self.is_redis_up.load(Ordering::Relaxed) {
            return None;
        }
        match ask(self.caches.of(worker), policy, window, session).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                if self.is_redis_up.swap(false, Ordering::Relaxed) {
                    tracing::warn!(%error, "redis failed, going on without it");
                    self.redis_failed.notify_one();
                }
                None
            }
        }
    }

    /// Keeps looking whether Redis answers. Never ends by itself.
    pub(crate) async fn watch(&self, readiness: &Readiness) {
        loop {
            let is_up = self.cache.ping().await.is_ok();
            readiness.set_dependency("redis", is_up);
            self.is_redis_up.store(is_up, Ordering::Relaxed);
            if is_up {
                tokio::select! {
                    () = sleep(WATCH) => {}
                    () = self.redis_failed.notified() => {}
                }
            } else {
                sleep(RECOVERY).await;
            }
        }
    }
}

/// Counts a request in its window and looks its session up. The commands need
/// no transaction: the window's end is set by whoever finds it without one,
/// and a repeat changes nothing.
async fn ask(
    cache: &Cache,
    policy: &Policy,
    window: &str,
    session: Option<SessionId>,
) -> Result<(Hit, RevocationStatus), redis::RedisError> {
    let mut connection = cache.shared();
    let mut questions = redis::pipe();
    questions.cmd("INCR").arg(window).cmd("PTTL").arg(window);
    let (count, remaining, revocation) = if let Some(session) = session {
        let (count, remaining, found): (_, _, [Option<redis::Value>; 3]) = questions
            .cmd("MGET")
            .arg(keys::revoked_session(session))
            .arg(keys::REVOCATIONS_LOADED)
            .arg(keys::REVOCATIONS_CURRENT)
            .query_async(&mut connection)
            .await?;
        let [is_revoked, is_loaded, is_current] = found.map(|mark| mark.is_some());
        let revocation = RevocationStatus::from_exists(is_revoked, is_loaded, is_current);
        (count, remaining, revocation)
    } else {
        let (count, remaining) = questions.query_async(&mut connection).await?;
        (count, remaining, RevocationStatus::Unknown)
    };
    if remaining == NO_END {
        redis::cmd("PEXPIRE")
            .arg(window)
            .arg(u64::try_from(policy.window.as_millis()).unwrap_or(u64::MAX))
            .arg("NX")
            .exec_async(&mut connection)
            .await?;
    }
    Ok((policy.hit(count, remaining), revocation))
}

/// Who counted.
#[derive(Clone, Copy)]
enum Source {
    Redis,
    Local,
}

/// Names every case in full: the keys of such metrics are made once, not for each request.
fn count_decision(is_refused: bool, source: Source) {
    let counter = match (is_refused, source) {
        (false, Source::Redis) => {
            counter!("gateway_rate_limit_decisions_total", "decision" => "allowed", "source" => "redis")
        }
        (false, Source::Local) => {
            counter!("gateway_rate_limit_decisions_total", "decision" => "allowed", "source" => "local")
        }
        (true, Source::Redis) => {
            counter!("gateway_rate_limit_decisions_total", "decision" => "refused", "source" => "redis")
        }
        (true, Source::Local) => {
            counter!("gateway_rate_limit_decisions_total", "decision" => "refused", "source" => "local")
        }
    };
    counter.increment(1);
}
