//! What runs as long as the service does, and the order in which it ends.

use std::{sync::Arc, time::Duration};

use cache::Cache;
use metrics::gauge;
use runtime::{Readiness, Shutdown, settings::LifecycleSettings};
use socketio::{DrainPace, Server};
use tokens::{Verifier, first_keys, follow_keys};
use tokio::{
    net::TcpListener,
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{auth::Auth, node::Node, presence::Presence, sockets::Sockets, sweep::Sweep};

/// Between two renewals of the lease: five in the life of one.
const BEAT: Duration = Duration::from_secs(1);
/// Between two times that everybody is told all over again who is here; well
/// within what Redis keeps it for.
const TELL_ALL: Duration = Duration::from_mins(4);
/// Between two batches of sockets that are closed in the drain.
const DRAIN_PAUSE: Duration = Duration::from_millis(100);
/// Before what could not be done in Redis is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// The parts that work by themselves.
pub(super) struct Background {
    pub(super) server: Server<Sockets>,
    pub(super) presence: Arc<Presence>,
    pub(super) node: Node,
    pub(super) sweep: Sweep,
    pub(super) missed: Arc<Notify>,
    pub(super) cache: Cache,
    pub(super) verifier: Arc<Verifier>,
    pub(super) auth: Auth,
}

impl Background {
    /// Begins to serve. All but the keys goes on until the last socket is gone.
    pub(super) fn start(
        self,
        listener: TcpListener,
        readiness: &Readiness,
        lifecycle: &LifecycleSettings,
        shutdown: &Shutdown,
    ) {
        let Self {
            server,
            presence,
            node,
            sweep,
            missed,
            cache,
            verifier,
            auth,
        } = self;
        let fetch = async move || auth.keys().await;
        shutdown.spawn_until_drain(follow_keys(Arc::clone(&verifier), fetch));
        shutdown.spawn_until_drain({
            let readiness = readiness.clone();
            async move {
                first_keys(&verifier).await;
                readiness.set_started();
            }
        });

        let drained = CancellationToken::new();
        let until_drained = |work| {
            let drained = drained.clone();
            shutdown.spawn(async move {
                drained.run_until_cancelled(work).await;
            });
        };
        until_drained(boxed(beat(
            Arc::clone(&presence),
            server.clone(),
            Arc::clone(&missed),
        )));
        until_drained(boxed(make_good(
            Arc::clone(&presence),
            server.clone(),
            missed,
        )));
        let name = presence.node().to_owned();
        let hearing = cache.clone();
        until_drained(boxed(async move { node.hear(hearing, &name).await }));
        until_drained(boxed(sweep.run()));
        until_drained(boxed(cache.watch(readiness.clone())));
        until_drained(boxed({
            let presence = Arc::clone(&presence);
            async move { presence.tell_changes().await }
        }));

        shutdown.spawn({
            let server = server.clone();
            async move { server.serve(listener).await }
        });
        let (ending, lifecycle) = (shutdown.clone(), lifecycle.clone());
        shutdown.spawn(async move {
            ending.draining().await;
            sleep(lifecycle.drain_delay).await;
            server.drain(pace(server.sessions(), &lifecycle)).await;
            drained.cancel();
            if let Err(error) = presence.resign().await {
                tracing::debug!(%error, "lease left to run out");
            }
        });
    }
}

type Work = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn boxed(work: impl Future<Output = ()> + Send + 'static) -> Work {
    Box::pin(work)
}

/// So that all clients are told in the first half of the grace, and the last
/// have as long again to hang up.
fn pace(sessions: usize, lifecycle: &LifecycleSettings) -> DrainPace {
    let batches = lifecycle.drain_grace.as_millis() / 2 / DRAIN_PAUSE.as_millis();
    let batches = usize::try_from(batches).unwrap_or(usize::MAX).max(1);
    DrainPace {
        batch: sessions.div_ceil(batches).max(50),
        pause: DRAIN_PAUSE,
    }
}

/// Renews the lease, and has everything looked at when it was gone.
async fn beat(presence: Arc<Presence>, server: Server<Sockets>, missed: Arc<Notify>) {
    loop {
        match presence.renew().await {
            Ok(true) => {}
            Ok(false) => missed.notify_one(),
            Err(error) => tracing::debug!(%error, "lease not renewed"),
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
        {
            gauge!("realtime_sockets").set(server.sockets() as f64);
            gauge!("realtime_sessions").set(server.sessions() as f64);
        }
        sleep(BEAT).await;
    }
}

/// Makes good what this node may have missed, or Redis forgotten: first it says
/// again who is here, so that nothing more is missed, then it compares what it
/// has delivered with the logs.
async fn make_good(presence: Arc<Presence>, server: Server<Sockets>, missed: Arc<Notify>) {
    loop {
        let has_missed = timeout(TELL_ALL, missed.notified()).await.is_ok();
        while let Err(error) = presence.tell_all().await {
            tracing::debug!(%error, "presence not told");
            sleep(RETRY).await;
        }
        if has_missed && let Some(feeds) = server.feeds() {
            feeds.resync().await;
        }
    }
}
