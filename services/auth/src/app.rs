//! The composition root: the only place that names concrete adapters.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use bus::{Consumer, Publisher, Relay};
use cache::{Cache, Revocations};
use contracts::{
    auth::v1::{
        counters_service_server::CountersServiceServer,
        relations_service_server::RelationsServiceServer,
        sessions_service_server::SessionsServiceServer, users_service_server::UsersServiceServer,
    },
    rpc::RpcServer,
    topology::AUTH_EVENTS,
};
use runtime::{
    Clock, Readiness, Shutdown,
    admin::{AdminServer, RenderMetrics},
};
use store::{Lease, Outbox, Store};
use tokens::{Signer, Verifier};
use web::{Authenticator, HttpServer, actix_web::web::Data};

use crate::{
    Settings,
    accounts::Accounts,
    attempts::LoginAttempts,
    counters::CounterCheck,
    counting::FollowCounting,
    events::EventHandler,
    follow_lists::FollowLists,
    follows::FollowGraph,
    grpc::{CountersApi, RelationsApi, SessionsApi, UsersApi},
    http,
    mongo::{Blocks, Counters, FollowChanges, Follows, LEASES, OUTBOX, SessionStore, Users},
    passwords::Passwords,
    relations::Relations,
    revocation::RevocationPublisher,
    sessions::Sessions,
};

/// Events that wait for this process at a time.
const PREFETCH: u16 = 64;
/// Tokens that the service remembers as verified.
const REMEMBERED_TOKENS: usize = 10_000;

/// The service with its ports taken, not yet serving.
pub struct App {
    settings: Settings,
    shutdown: Shutdown,
    readiness: Readiness,
    http: HttpServer,
    grpc: RpcServer,
    admin: AdminServer,
    addresses: Addresses,
    accounts: Accounts,
    graph: FollowGraph,
    counters: Counters,
    authenticator: Data<Authenticator>,
    cache: Cache,
    store: Store,
}

struct Addresses {
    http: SocketAddr,
    grpc: SocketAddr,
    admin: SocketAddr,
}

impl App {
    /// Takes the ports and puts the parts together. MongoDB, Redis and RabbitMQ need not be up.
    pub async fn build(
        settings: Settings,
        shutdown: Shutdown,
        clock: Arc<dyn Clock>,
        metrics: RenderMetrics,
    ) -> anyhow::Result<Self> {
        let readiness = Readiness::new(&shutdown);
        let store = Store::connect(&settings.mongo, "auth").await?;
        let cache = Cache::connect(&settings.redis)?;
        let signer = Arc::new(Signer::from_pem(&settings.token_signing_key)?);
        let verifier = Verifier::new(REMEMBERED_TOKENS);
        verifier.set_keys(&signer.jwks_json())?;
        let passwords = Passwords::new(settings.password_concurrency, settings.password_wait)?;

        let users = Users::new(&store);
        let outbox = Outbox::new(&store, OUTBOX);
        let changes = FollowChanges::new(&store);
        let relations = Relations {
            store: store.clone(),
            users: users.clone(),
            follows: Follows::new(&store),
            blocks: Blocks::new(&store),
            changes: changes.clone(),
        };
        let graph = FollowGraph {
            relations: relations.clone(),
            outbox: outbox.clone(),
            clock: Arc::clone(&clock),
            following_limit: u64::from(settings.following_limit),
        };
        let counters = Counters::new(&store, &changes);
        let sessions = Sessions {
            users: users.clone(),
            store: SessionStore::new(&store),
            passwords: passwords.clone(),
            attempts: LoginAttempts {
                cache: cache.clone(),
                limit: settings.login_attempts,
            },
            signer,
            revocations: RevocationPublisher::new(Revocations::new(cache.clone())),
            clock: Arc::clone(&clock),
            token_lifetime: settings.token_lifetime,
            failure_time: settings.login_failure_time,
        };
        let accounts = Accounts {
            users,
            relations,
            outbox,
            sessions,
            passwords,
            clock: Arc::clone(&clock),
            minimum_age: settings.minimum_age,
        };

        let http = HttpServer::bind(settings.http_addr)
            .with_context(|| format!("cannot listen on {}", settings.http_addr))?;
        let credential = settings.credential.service_credential.clone();
        let grpc = RpcServer::bind(settings.grpc_addr, credential)
            .await
            .with_context(|| format!("cannot listen on {}", settings.grpc_addr))?;
        let admin_addr = settings.lifecycle.admin_addr;
        let admin = AdminServer::bind(admin_addr, readiness.clone(), metrics)
            .await
            .with_context(|| format!("cannot listen on {admin_addr}"))?;
        let addresses = Addresses {
            http: http.local_addr()?,
            grpc: grpc.local_addr()?,
            admin: admin.local_addr()?,
        };
        Ok(Self {
            settings,
            shutdown,
            readiness,
            http,
            grpc,
            admin,
            addresses,
            accounts,
            graph,
            counters,
            authenticator: Data::new(Authenticator::new(Arc::new(verifier), clock)),
            cache,
            store,
        })
    }

    /// Where the HTTP API is bound.
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
            accounts,
            graph,
            counters,
            store,
            ..
        } = self;
        let lifecycle = &settings.lifecycle;
        self.admin.spawn(&shutdown);

        let sessions = accounts.sessions.clone();
        shutdown.spawn_until_drain(
            sessions
                .revocations
                .clone()
                .keep_complete(sessions.store.clone(), Arc::clone(&sessions.clock)),
        );
        shutdown.spawn_until_drain(store.clone().watch(readiness.clone()));
        shutdown.spawn_until_drain(self.cache.watch(readiness.clone()));

        let publisher = Publisher::new(&settings.amqp, "auth");
        shutdown.spawn_until_drain(publisher.clone().watch(readiness.clone()));
        let relay = Relay {
            outbox: accounts.outbox.clone(),
            lease: Lease::new(&store, LEASES, "relay"),
            publisher,
        };
        shutdown.spawn(relay.run(shutdown.clone()));
        let counting = FollowCounting::new(
            &store,
            &graph.relations.changes,
            &counters,
            Lease::new(&store, LEASES, "follow_counting"),
        );
        shutdown.spawn(counting.run(shutdown.clone()));
        let events = EventHandler {
            counters: counters.clone(),
        };
        let consumer = Consumer::new(&settings.amqp, AUTH_EVENTS, PREFETCH);
        shutdown.spawn(consumer.run(shutdown.clone(), events));

        let lists = FollowLists {
            relations: accounts.relations.clone(),
        };
        let relations = RelationsServiceServer::new(RelationsApi {
            lists: lists.clone(),
        });
        let counters = CountersServiceServer::new(CountersApi {
            check: CounterCheck { store, counters },
        });
        let users = UsersServiceServer::new(UsersApi {
            users: accounts.users.clone(),
        });
        let signer = Arc::clone(&sessions.signer);
        let sessions = SessionsServiceServer::new(SessionsApi {
            sessions: sessions.clone(),
            signer: Arc::clone(&signer),
        });
        let register = |routes: &mut tonic::service::RoutesBuilder| {
            routes
                .add_service(users)
                .add_service(sessions)
                .add_service(relations)
                .add_service(counters);
        };
        self.grpc
            .spawn(register, &shutdown, lifecycle.drain_delay)
            .await?;

        let (accounts, signer) = (Data::new(accounts), Data::from(signer));
        let (graph, lists) = (Data::new(graph), Data::new(lists));
        self.http.spawn(
            "auth",
            http::routes(),
            move |config| {
                config.app_data(accounts.clone()).app_data(signer.clone());
                config.app_data(graph.clone()).app_data(lists.clone());
            },
            self.authenticator,
            settings.credential.service_credential.clone(),
            readiness.clone(),
            lifecycle,
            &shutdown,
        )?;

        readiness.set_started();
        tracing::info!(
            http = %self.addresses.http,
            grpc = %self.addresses.grpc,
            admin = %self.addresses.admin,
            "serving"
        );
        shutdown.run_to_end(lifecycle).await
    }
}
