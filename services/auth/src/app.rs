//! The composition root: the only place that names concrete adapters.

mod background;
mod internal_api;
mod parts;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use contracts::rpc::RpcServer;
use runtime::{
    Clock, Readiness, Shutdown,
    admin::{AdminServer, RenderMetrics},
};
use tokens::{Signer, Verifier};
use web::{Authenticator, HttpServer, actix_web::web::Data};

use self::parts::Parts;
use crate::{Settings, http};

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
    /// Boxed, because of its size.
    parts: Box<Parts>,
    authenticator: Data<Authenticator>,
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
        let signer = Arc::new(Signer::from_pem(&settings.token_signing_key)?);
        let verifier = Verifier::new(REMEMBERED_TOKENS);
        verifier.set_keys(&signer.jwks_json())?;
        let parts = Parts::assemble(&settings, signer, Arc::clone(&clock)).await?;

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
            parts: Box::new(parts),
            authenticator: Data::new(Authenticator::new(Arc::new(verifier), clock)),
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
            parts,
            ..
        } = self;
        parts.start_background_work(&settings, &readiness, &shutdown);
        let lifecycle = &settings.lifecycle;
        self.admin.spawn(&shutdown);
        self.grpc
            .spawn(parts.internal_api(), &shutdown, lifecycle.drain_delay)
            .await?;
        self.http.spawn(
            "auth",
            http::routes(),
            parts.provide(),
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
