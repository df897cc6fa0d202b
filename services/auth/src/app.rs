//! The composition root: the only place that names concrete adapters.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use cache::{Cache, Revocations};
use contracts::{
    auth::v1::{
        sessions_service_server::SessionsServiceServer, users_service_server::UsersServiceServer,
    },
    rpc::RpcServer,
};
use runtime::{
    Clock, Readiness, Shutdown,
    admin::{AdminServer, RenderMetrics},
};
use store::Store;
use tokens::{Signer, Verifier};
use web::{Authenticator, HttpServer, actix_web::web::Data};

use crate::{
    Settings,
    accounts::Accounts,
    attempts::LoginAttempts,
    grpc::{SessionsApi, UsersApi},
    http,
    mongo::{SessionStore, Users},
    passwords::Passwords,
    revocation::RevocationPublisher,
    sessions::Sessions,
};

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
    /// Takes the ports and puts the parts together. MongoDB and Redis need not be up.
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
        shutdown.spawn_until_drain(self.store.watch(readiness.clone()));
        shutdown.spawn_until_drain(self.cache.watch(readiness.clone()));

        let users = UsersServiceServer::new(UsersApi {
            users: accounts.users.clone(),
        });
        let signer = Arc::clone(&sessions.signer);
        let sessions = SessionsServiceServer::new(SessionsApi {
            sessions: sessions.clone(),
            signer: Arc::clone(&signer),
        });
        let register = |routes: &mut tonic::service::RoutesBuilder| {
            routes.add_service(users).add_service(sessions);
        };
        self.grpc
            .spawn(register, &shutdown, lifecycle.drain_delay)
            .await?;

        let (accounts, signer) = (Data::new(accounts), Data::from(signer));
        self.http.spawn(
            "auth",
            http::routes(),
            move |config| {
                config.app_data(accounts.clone()).app_data(signer.clone());
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
