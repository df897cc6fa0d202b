//! The services behind the gateway: where they are, which of them take work,
//! and the connections to them.

mod all;
mod dedicated;
mod health;
mod pool;
mod resolve;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use metrics::gauge;
use runtime::Readiness;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::{
    affinity::{Affinity, REPLICA, tag_of},
    body::{BodyError, BodyProgress, RequestBody},
    workers::{PerWorker, WorkerIndex},
};

pub(crate) use all::Upstreams;
pub(crate) use dedicated::{ServiceSide, Upgrade};
use pool::{Connection, Pool, Sent};

/// Between two looks at names and health.
const TICK: Duration = Duration::from_secs(1);
/// Most addresses tried for one request.
const TRIES: usize = 3;

/// How long a service may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpstreamTimeouts {
    /// To accept a connection.
    pub(crate) connect: Duration,
    /// To say something, before its answer and within it.
    pub(crate) response: Duration,
}

/// All replicas of one service.
pub(crate) struct Upstream {
    name: &'static str,
    authorities: Vec<String>,
    timeouts: UpstreamTimeouts,
    endpoints: RwLock<Arc<[Arc<Endpoint>]>>,
    turn: AtomicUsize,
}

/// One address of a service.
struct Endpoint {
    service: &'static str,
    /// What the address was resolved from.
    authority: String,
    address: SocketAddr,
    /// How the ids of its sessions begin.
    tag: HeaderValue,
    /// Known not to take work. One that nothing is known of is tried.
    is_down: AtomicBool,
    in_flight: AtomicUsize,
    /// A connection is driven by the runtime that opened it.
    pools: PerWorker<Arc<Pool>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// No replica could be reached. The request was not sent.
    #[error("no replica can be reached")]
    Unreachable,
    /// Silence. Whether the request was carried out is not known.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke, or what came was not HTTP. The same is not known.
    #[error("the connection failed")]
    Failed(#[from] hyper::Error),
    /// It refused to change its protocol, and more than that could not be read.
    #[error("the refusal could not be read")]
    Refusal(#[source] BodyError),
}

/// A connection to a service while its answer is read.
pub(crate) struct Lease {
    connection: Connection,
    _in_flight: InFlight,
}

impl Lease {
    /// The answer is complete: the connection can be used again.
    pub(crate) fn give_back(self) {
        self.connection.give_back();
    }
}

/// Counts a request, or a tunnel, on its endpoint until it is dropped.
pub(crate) struct InFlight(Arc<Endpoint>);

impl InFlight {
    fn begin(endpoint: &Arc<Endpoint>) -> Self {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(endpoint))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How an attempt at one endpoint went.
enum Attempt {
    Answered(Response<Incoming>, Lease),
    /// It could not be sent, so another endpoint may have it.
    Unsent(Request<RequestBody>),
    Failed(SendError),
}

impl Upstream {
    fn new(name: &'static str, authorities: &[String], timeouts: UpstreamTimeouts) -> Self {
        Self {
            name,
            authorities: authorities.to_vec(),
            timeouts,
            endpoints: RwLock::new(Arc::new([])),
            turn: AtomicUsize::new(0),
        }
    }

    /// How long a silence in an answer may be.
    pub(crate) fn patience(&self) -> Duration {
        self.timeouts.response
    }

    /// Sends `request` to the replica that `affinity` means, or else to the one
    /// with the least to do. A replica that cannot be reached is passed over; a request that was sent is not sent again.
    pub(crate) async fn send(
        &self,
        mut request: Request<RequestBody>,
        progress: &BodyProgress,
        affinity: Affinity<'_>,
        worker: WorkerIndex,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        for endpoint in self.candidates(affinity) {
            let pool = endpoint.pools.of(worker);
            endpoint.introduce(affinity, request.headers_mut());
            match endpoint
                .attempt(request, progress, self.timeouts, pool)
                .await
            {
                Attempt::Answered(response, lease) => return Ok((response, lease)),
                Attempt::Failed(error) => return Err(error),
                Attempt::Unsent(unsent) => request = unsent,
            }
        }
        Err(SendError::Unreachable)
    }

    /// In the order to try them: the one that has the session, whatever its
    /// state; then those that take work, the least busy among them first,
    /// equals in turn. Those that are down come last, since what is known of
    /// them may be old.
    fn candidates(&self, affinity: Affinity<'_>) -> Vec<Arc<Endpoint>> {
        let endpoints = self.endpoints();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let first = turn.checked_rem(endpoints.len()).unwrap_or_default();
        let (before, from) = endpoints.split_at(first);
        let mut candidates: Vec<_> = from.iter().chain(before).cloned().collect();
        candidates.sort_by_key(|endpoint| {
            (
                !endpoint.has_session(affinity),
                endpoint.is_down(),
                endpoint.in_flight.load(Ordering::Relaxed),
            )
        });
        candidates.truncate(TRIES);
        candidates
    }

    fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(
            &self
                .endpoints
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Keeps addresses and health current. Never ends by itself.
    async fn watch(&self, readiness: &Readiness) {
        loop {
            readiness.set_dependency(self.name, self.look().await);
            sleep(TICK).await;
        }
    }

    /// Resolves and probes once; whether any replica takes work.
    async fn look(&self) -> bool {
        self.resolve().await;
        health::probe_all(&self.endpoints()).await
    }
}

impl Endpoint {
    fn new(service: &'static str, authority: String, address: SocketAddr) -> Self {
        Self {
            service,
            authority,
            address,
            tag: tag_of(address),
            is_down: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            pools: PerWorker::default(),
        }
    }

    fn has_session(&self, affinity: Affinity<'_>) -> bool {
        matches!(affinity, Affinity::Session(tag) if self.tag == tag)
    }

    /// Tells the replica how the ids of its sessions are to begin.
    fn introduce(&self, affinity: Affinity<'_>, headers: &mut HeaderMap) {
        if affinity != Affinity::None {
            headers.insert(REPLICA, self.tag.clone());
        }
    }

    fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    /// Notes whether it takes work. Connections to one that does not are closed
    /// before they are in its way.
    fn set_down(&self, is_down: bool) {
        if self.is_down.swap(is_down, Ordering::Relaxed) != is_down {
            tracing::info!(upstream = self.service, address = %self.address, is_up = !is_down, "upstream changed");
        }
        gauge!("gateway_upstream_up", "upstream" => self.service, "address" => self.address.to_string())
            .set(if is_down { 0.0 } else { 1.0 });
        for pool in self.pools.iter() {
            pool.set_open(!is_down);
        }
    }

    /// Sends over an idle connection, and when that turns out to be closed,
    /// over a fresh one.
    async fn attempt(
        self: &Arc<Self>,
        mut request: Request<RequestBody>,
        progress: &BodyProgress,
        timeouts: UpstreamTimeouts,
        pool: &Arc<Pool>,
    ) -> Attempt {
        if let Some(connection) = pool.take() {
            match self
                .exchange(connection, request, progress, timeouts.response)
                .await
            {
                Attempt::Unsent(unsent) => request = unsent,
                done => return done,
            }
        }
        let opening = Connection::open(self.address, pool);
        match self.open(opening, timeouts.connect).await {
            Ok(connection) => {
                self.exchange(connection, request, progress, timeouts.response)
                    .await
            }
            Err(_) => Attempt::Unsent(request),
        }
    }

    /// Connects within `patience`, or marks the replica down until the next look.
    async fn open<T>(
        &self,
        opening: impl Future<Output = io::Result<T>>,
        patience: Duration,
    ) -> io::Result<T> {
        let opened = timeout(patience, opening).await;
        let opened = opened.unwrap_or_else(|elapsed| Err(elapsed.into()));
        if let Err(error) = &opened {
            tracing::warn!(upstream = self.service, address = %self.address, %error, "cannot connect");
            self.set_down(true);
        }
        opened
    }

    /// One request and its answer. The time runs from the last byte of the
    /// request that could be sent: an upload may take longer.
    async fn exchange(
        self: &Arc<Self>,
        connection: Connection,
        request: Request<RequestBody>,
        progress: &BodyProgress,
        patience: Duration,
    ) -> Attempt {
        let in_flight = InFlight::begin(self);
        let mut deadline = Instant::now() + patience;
        let mut sending = std::pin::pin!(connection.send(request));
        let sent = loop {
            tokio::select! {
                sent = &mut sending => break sent,
                () = sleep_until(deadline) => {
                    deadline = progress.moved_at() + patience;
                    if deadline <= Instant::now() {
                        return Attempt::Failed(SendError::TimedOut);
                    }
                }
            }
        };
        match sent {
            Sent::Answered(response, connection) => Attempt::Answered(
                response,
                Lease {
                    connection,
                    _in_flight: in_flight,
                },
            ),
            Sent::Unsent(request) => Attempt::Unsent(request),
            Sent::Failed(error) => Attempt::Failed(error.into()),
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        gauge!("gateway_upstream_up", "upstream" => self.service, "address" => self.address.to_string())
            .set(0.0);
    }
}
