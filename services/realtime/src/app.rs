//! The composition root: the only place that names concrete adapters.

mod background;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use cache::Cache;
use contracts::{realtime::v1::delivery_service_server::DeliveryServiceServer, rpc::RpcServer};
use runtime::{
    Clock, Readiness, Shutdown,
    admin::{AdminServer, RenderMetrics},
};
use socketio::{EventLog, RedisLog, Retention, Server};
use tokens::Verifier;
use tokio::{net::TcpListener, sync::Notify};

use self::background::Background;
use crate::{
    Settings, auth::Auth, delivery::Delivery, grpc::DeliveryApi, identity::Identity, node::Node,
    presence::Presence, quota::EventLimits, seats::Seats, sessions::Sessions, sockets::Sockets,
    sweep::Sweep,
};

/// Tokens that the service remembers as verified.
const REMEMBERED_TOKENS: usize = 20_000;

/// The service with its ports taken, not yet serving.
pub struct App {
    settings: Settings,
    shutdown: Shutdown,
    readiness: Readiness,
    listener: TcpListener,
    grpc: RpcServer,
    admin: AdminServer,
    addresses: Addresses,
    delivery: Arc<Delivery>,
    background: Background,
}

struct Addresses {
    http: SocketAddr,
    grpc: SocketAddr,
    admin: SocketAddr,
}

impl App {
    /// Takes the ports and puts the parts together. What the service depends
    /// on need not be up.
    pub async fn build(
        settings: Settings,
        shutdown: Shutdown,
        clock: Arc<dyn Clock>,
        metrics: RenderMetrics,
    ) -> anyhow::Result<Self> {
        let readiness = Readiness::new(&shutdown);
        let cache = Cache::connect(&settings.redis)?;
        let auth = Auth::connect(&settings)?;
        let verifier = Arc::new(Verifier::new(REMEMBERED_TOKENS));
        let log: Arc<dyn EventLog> = Arc::new(RedisLog::new(cache.shared(), Retention::default()));
        let seats = Arc::new(Seats::default());
        let presence = Arc::new(Presence::new(cache.clone(), Arc::clone(&seats)));
        let sessions = Arc::new(Sessions::new(cache.clone(), auth.clone()));
        let sockets = Sockets {
            identity: Identity {
                verifier: Arc::clone(&verifier),
                credential: settings.credential.service_credential.clone(),
                clock: Arc::clone(&clock),
            },
            sessions: Arc::clone(&sessions),
            seats: Arc::clone(&seats),
            presence: Arc::clone(&presence),
            limits: EventLimits::new(settings.event_rate, settings.event_burst),
            readiness: readiness.clone(),
        };
        let server = Server::with_log(sockets, settings.socketio(), Arc::clone(&log));
        let (missed, wanted) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let node = Node {
            server: server.clone(),
            seats: Arc::clone(&seats),
            missed: Arc::clone(&missed),
            sweep: Arc::clone(&wanted),
        };
        let delivery = Delivery {
            log,
            presence: Arc::clone(&presence),
            cache: cache.clone(),
            node: node.clone(),
        };
        let sweep = Sweep {
            server: server.clone(),
            seats,
            sessions,
            clock,
            wanted,
        };

        let http_addr = settings.http_addr;
        let listener = TcpListener::bind(http_addr)
            .await
            .with_context(|| format!("cannot listen on {http_addr}"))?;
        let credential = settings.credential.service_credential.clone();
        let grpc = RpcServer::bind(settings.grpc_addr, credential)
            .await
            .with_context(|| format!("cannot listen on {}", settings.grpc_addr))?;
        let admin_addr = settings.lifecycle.admin_addr;
        let admin = AdminServer::bind(admin_addr, readiness.clone(), metrics)
            .await
            .with_context(|| format!("cannot listen on {admin_addr}"))?;
        Ok(Self {
            addresses: Addresses {
                http: listener.local_addr()?,
                grpc: grpc.local_addr()?,
                admin: admin.local_addr()?,
            },
            settings,
            shutdown,
            readiness,
            listener,
            grpc,
            admin,
            delivery: Arc::new(delivery),
            background: Background {
                server,
                presence,
                node,
                sweep,
                missed,
                cache,
                verifier,
                auth,
            },
        })
    }

    /// Where the Socket.IO server is bound.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.addresses.http
    }

    /// Where the gRPC API is bound.
    #[must_use]
    pub fn grpc_addr(&self) -> SocketAddr {
        self.addresses.grpc
    }

    /// Where the admin port is bound.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.addresses.admin
    }

    /// Serves until the drain is over.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self {
            settings,
            shutdown,
            readiness,
            background,
            ..
        } = self;
        let lifecycle = &settings.lifecycle;
        self.admin.spawn(&shutdown);
        let delivery = DeliveryServiceServer::new(DeliveryApi {
            delivery: self.delivery,
        });
        let register = |routes: &mut tonic::service::RoutesBuilder| {
            routes.add_service(delivery);
        };
        self.grpc
            .spawn(register, &shutdown, lifecycle.drain_delay)
            .await?;
        background.start(self.listener, &readiness, lifecycle, &shutdown);
        tracing::info!(
            http = %self.addresses.http,
            grpc = %self.addresses.grpc,
            admin = %self.addresses.admin,
            "serving"
        );
        shutdown.run_to_end(lifecycle).await
    }
}
