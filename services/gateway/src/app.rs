//! The composition root.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use cache::Cache;
use contracts::rpc::{Caller, CallerChannel};
use runtime::{
    Clock, Readiness, Shutdown, SystemClock,
    admin::{AdminServer, RenderMetrics},
    settings::LifecycleSettings,
};
use tokens::{Verifier, first_keys, follow_keys};
use tokio::net::TcpListener;

use crate::{
    Settings,
    admission::Admission,
    body::BodyLimits,
    closing::Closing,
    connection::ClientLimits,
    door::Door,
    exchange::Exchange,
    identity::Identity,
    proxy::Proxy,
    server::{self, Server},
    sessions::Sessions,
    tunnel::{Places, TunnelTimeouts},
    upstream::Upstreams,
    wire::{ClientTimeouts, HeadLimits},
    workers::{PerWorker, Workers},
};

/// How long auth may take to say something over gRPC.
const RPC_DEADLINE: Duration = Duration::from_secs(2);
/// Tokens whose signature is remembered.
const TOKENS: usize = 100_000;

/// A gateway with its ports taken.
pub struct App {
    listener: TcpListener,
    http_addr: SocketAddr,
    admin: AdminServer,
    admin_addr: SocketAddr,
    door: Arc<Door>,
    verifier: Arc<Verifier>,
    sessions: Arc<Sessions>,
    upstreams: Arc<Upstreams>,
    limits: ClientLimits,
    max_connections: usize,
    closing: Closing,
    lifecycle: LifecycleSettings,
    readiness: Readiness,
    shutdown: Shutdown,
}

impl App {
    /// Takes the ports and puts the parts together. What the gateway depends
    /// on need not be up.
    pub async fn build(
        settings: Settings,
        shutdown: Shutdown,
        clock: Arc<dyn Clock>,
        metrics: RenderMetrics,
    ) -> anyhow::Result<Self> {
        let readiness = Readiness::new(&shutdown);
        let listener = server::listen(settings.http_addr)
            .with_context(|| format!("cannot listen on {}", settings.http_addr))?;
        let admin = AdminServer::bind(settings.lifecycle.admin_addr, readiness.clone(), metrics)
            .await
            .with_context(|| format!("cannot listen on {}", settings.lifecycle.admin_addr))?;

        let sessions = Arc::new(sessions(&settings, &clock)?);
        let upstreams = Arc::new(Upstreams::new(&settings));
        upstreams.resolve().await;
        // The second half is for those who take their time.
        let closing = Closing::new(settings.lifecycle.drain_grace / 2);
        let verifier = Arc::new(Verifier::new(TOKENS));
        let door = Arc::new(Door {
            trusted_proxies: settings.trusted_proxies.clone(),
            origins: settings.cors_origins.clone(),
            identity: Identity::new(
                Arc::clone(&verifier),
                exchange(&settings, &verifier, &clock)?,
                Arc::clone(&clock),
            ),
            admission: Admission::new(
                Cache::connect(&settings.redis)?,
                PerWorker::try_new(|| Cache::connect(&settings.redis))?,
                Arc::clone(&sessions),
                settings.rate_limit_policy.policies(),
                Arc::clone(&clock),
            ),
            proxy: Proxy::new(
                Arc::clone(&upstreams),
                body_limits(&settings),
                &settings.credential.service_credential,
            )?,
            places: Places::new(settings.max_tunnels_per_client),
            closing: closing.clone(),
            readiness: readiness.clone(),
            shutdown: shutdown.clone(),
            clock,
        });
        Ok(Self {
            http_addr: listener.local_addr()?,
            listener,
            admin_addr: admin.local_addr()?,
            admin,
            door,
            verifier,
            sessions,
            upstreams,
            limits: client_limits(&settings),
            max_connections: settings.max_connections,
            closing,
            lifecycle: settings.lifecycle,
            readiness,
            shutdown,
        })
    }

    /// Where clients are served.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where operators are.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Serves until the shutdown has drained it.
    pub async fn run(self) -> anyhow::Result<()> {
        warn_of_few_files(self.max_connections);
        let Self {
            door,
            verifier,
            sessions,
            upstreams,
            readiness,
            shutdown,
            lifecycle,
            ..
        } = self;
        self.admin.spawn(&shutdown);

        let fetch = async move || sessions.keys().await;
        shutdown.spawn_until_drain(follow_keys(Arc::clone(&verifier), fetch));
        shutdown.spawn_until_drain({
            let readiness = readiness.clone();
            async move {
                first_keys(&verifier).await;
                readiness.set_started();
            }
        });
        // Kept until the end: what they serve outlives the server.
        let workers = Arc::new(Workers::start().context("cannot start the workers")?);
        let server = Server::new(
            Arc::clone(&door),
            Arc::clone(&workers),
            self.limits,
            self.max_connections,
            self.closing,
            shutdown.clone(),
        );
        shutdown.spawn(server.run(self.listener, lifecycle.drain_delay));
        tracing::info!(http = %self.http_addr, admin = %self.admin_addr, "serving");

        // Requests under way during the drain need to know what is up, too.
        let watches = async {
            tokio::join!(
                upstreams.watch(&readiness),
                door.admission.watch(&readiness)
            );
        };
        tokio::select! {
            ended = shutdown.run_to_end(&lifecycle) => ended,
            () = watches => Ok(()),
        }
    }
}

/// Asks everything that the gateway depends on, and says what does not answer.
pub(crate) async fn check(settings: &Settings) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (redis, upstreams, sessions) = (
        Cache::connect(&settings.redis)?,
        Upstreams::new(settings),
        sessions(settings, &clock)?,
    );
    let (redis, unready, keys) = tokio::join!(redis.ping(), upstreams.unready(), sessions.keys());
    let mut faults = Vec::new();
    if let Err(error) = redis {
        faults.push(format!("redis does not answer: {error}"));
    }
    for service in unready {
        faults.push(format!("no replica of {service} is ready"));
    }
    if let Err(status) = keys {
        faults.push(format!("auth does not answer gRPC: {status}"));
    }
    anyhow::ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

fn sessions(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Sessions> {
    Ok(Sessions::new(auth(settings)?, Arc::clone(clock)))
}

/// What the predecessor's tokens need, where its secret is configured.
fn exchange(
    settings: &Settings,
    verifier: &Arc<Verifier>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Exchange>> {
    let secret = settings.predecessor_token_secret.as_ref();
    let exchange = secret.map(|secret| {
        let channel = auth(settings)?;
        let (verifier, clock) = (Arc::clone(verifier), Arc::clone(clock));
        Ok(Exchange::new(secret, channel, verifier, clock))
    });
    exchange.transpose()
}

fn auth(settings: &Settings) -> anyhow::Result<CallerChannel> {
    let credential = &settings.credential.service_credential;
    let channel = Caller::channel(&settings.auth_grpc_url, credential, RPC_DEADLINE)?;
    Ok(channel)
}

fn body_limits(settings: &Settings) -> BodyLimits {
    BodyLimits {
        max_bytes: settings.max_body_bytes,
        min_rate: settings.min_body_rate,
        grace: settings.body_grace,
    }
}

fn client_limits(settings: &Settings) -> ClientLimits {
    ClientLimits {
        head: HeadLimits {
            bytes: settings.max_header_bytes,
            headers: settings.max_headers,
        },
        timeouts: ClientTimeouts {
            header: settings.header_timeout,
            idle: settings.idle_timeout,
            write: settings.write_timeout,
        },
        tunnel: TunnelTimeouts {
            idle: settings.tunnel_idle_timeout,
            write: settings.write_timeout,
        },
    }
}

/// A gateway that runs out of files refuses clients long before its limit of connections.
fn warn_of_few_files(max_connections: usize) {
    let needed = max_connections.saturating_mul(2);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let allowed = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|columns| columns.split_whitespace().next()?.parse::<usize>().ok());
    if let Some(allowed) = allowed.filter(|allowed| *allowed < needed) {
        tracing::warn!(
            allowed,
            needed,
            "open files are fewer than MAX_CONNECTIONS needs"
        );
    }
}
