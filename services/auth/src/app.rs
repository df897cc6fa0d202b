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
use tonic::service::RoutesBuilder;
use web::{Authenticator, HttpServer, actix_web::web::Data};

use crate::{
    Settings,
    accounts::Accounts,
    attempts::LoginAttempts,
    copies::Copies,
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
    lists: FollowLists,
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

        let outbox = Outbox::new(&store, OUTBOX);
        let copies = Copies::new(&cache);
        let changes = FollowChanges::new(&store);
        let relations = Relations {
            store: store.clone(),
            users: Users::new(&store),
            follows: Follows::new(&store),
            blocks: Blocks::new(&store),
            changes: changes.clone(),
        };
        let graph = FollowGraph {
            relations: relations.clone(),
            outbox: outbox.clone(),
            copies: copies.clone(),
            clock: Arc::clone(&clock),
            following_limit: u64::from(settings.following_limit),
        };
        let lists = FollowLists {
            relations: relations.clone(),
        };
        let counters = Counters::new(&store, &changes);
        let sessions = Sessions {
            relations: relations.clone(),
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
            relations,
            outbox,
            copies,
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
            lists,
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
        self.start_background_work();
        let register = self.internal_api();
        let Self {
            settings,
            shutdown,
            readiness,
            accounts,
            graph,
            lists,
            ..
        } = self;
        let lifecycle = &settings.lifecycle;
        self.admin.spawn(&shutdown);
        self.grpc
            .spawn(register, &shutdown, lifecycle.drain_delay)
            .await?;

        let signer = Data::from(Arc::clone(&accounts.sessions.signer));
        let accounts = Data::new(accounts);
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

    /// Watches the dependencies, and starts what nobody waits for.
    fn start_background_work(&self) {
        let (shutdown, readiness) = (&self.shutdown, &self.readiness);
        let publisher = Publisher::new(&self.settings.amqp, "auth");
        shutdown.spawn_until_drain(self.store.clone().watch(readiness.clone()));
        shutdown.spawn_until_drain(self.cache.clone().watch(readiness.clone()));
        shutdown.spawn_until_drain(publisher.clone().watch(readiness.clone()));

        let sessions = &self.accounts.sessions;
        let (revocations, clock) = (sessions.revocations.clone(), Arc::clone(&sessions.clock));
        shutdown.spawn_until_drain(revocations.keep_complete(sessions.store.clone(), clock));
        let relay = Relay {
            outbox: self.accounts.outbox.clone(),
            lease: Lease::new(&self.store, LEASES, "relay"),
            publisher,
        };
        shutdown.spawn(relay.run(shutdown.clone()));
        let counting = FollowCounting::new(
            &self.store,
            &self.graph.relations.changes,
            &self.counters,
            Lease::new(&self.store, LEASES, "follow_counting"),
        );
        shutdown.spawn(counting.run(shutdown.clone()));
        let events = EventHandler {
            counters: self.counters.clone(),
        };
        let consumer = Consumer::new(&self.settings.amqp, AUTH_EVENTS, PREFETCH);
        shutdown.spawn(consumer.run(shutdown.clone(), events));
    }

    /// What other services may call.
    fn internal_api(&self) -> impl FnOnce(&mut RoutesBuilder) + use<> {
        let users = UsersServiceServer::new(UsersApi {
            users: self.accounts.relations.users.clone(),
        });
        let sessions = SessionsServiceServer::new(SessionsApi {
            sessions: self.accounts.sessions.clone(),
            signer: Arc::clone(&self.accounts.sessions.signer),
        });
        let relations = RelationsServiceServer::new(RelationsApi {
            lists: self.lists.clone(),
        });
        let counters = CountersServiceServer::new(CountersApi {
            check: CounterCheck {
                store: self.store.clone(),
                counters: self.counters.clone(),
            },
        });
        move |routes| {
            routes
                .add_service(users)
                .add_service(sessions)
                .add_service(relations)
                .add_service(counters);
        }
    }
}
