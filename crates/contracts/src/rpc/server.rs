use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use domain::ErrorKind;
use http::{Request, Response};
use runtime::Shutdown;
use secrecy::SecretString;
use telemetry::adopt_parent;
use tokio::net::TcpListener;
use tonic::{
    body::Body,
    service::{Routes, RoutesBuilder},
    transport::{Server, server::TcpIncoming},
};
use tower::{Layer, Service};
use tracing::Instrument;

use super::{CREDENTIAL_HEADER, credential_matches};
use crate::{FILE_DESCRIPTOR_SET, status};

/// A call without a deadline of its own ends after this.
const LONGEST_CALL: Duration = Duration::from_secs(30);
/// Orchestrators that speak gRPC health carry no credential.
const OPEN_PREFIX: &str = "/grpc.health.v1.Health/";

/// Why the internal API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum RpcServerError {
    /// The port cannot be had.
    #[error("cannot listen")]
    Listen(#[from] io::Error),
    /// The descriptors are broken.
    #[error("reflection cannot be served")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// A bound gRPC port with health and reflection, to which a service adds its own.
pub struct RpcServer {
    listener: TcpListener,
    credential: Arc<SecretString>,
}

impl RpcServer {
    /// Takes the port.
    pub async fn bind(
        address: SocketAddr,
        credential: SecretString,
    ) -> Result<Self, RpcServerError> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            credential: Arc::new(credential),
        })
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves what `register` adds until `drain_delay` after the drain begins,
    /// then finishes the calls that run.
    pub async fn spawn(
        self,
        register: impl FnOnce(&mut RoutesBuilder),
        shutdown: &Shutdown,
        drain_delay: Duration,
    ) -> Result<(), RpcServerError> {
        let (health, health_service) = tonic_health::server::health_reporter();
        health
            .set_service_status("", tonic_health::ServingStatus::Serving)
            .await;
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let mut routes = Routes::builder();
        routes
            .add_service(health_service)
            .add_service(reflection().build_v1()?)
            // What grpcurl speaks.
            .add_service(reflection().build_v1alpha()?);
        register(&mut routes);

        let server = Server::builder()
            .timeout(LONGEST_CALL)
            .http2_keepalive_interval(Some(Duration::from_secs(20)))
            .layer(GuardLayer {
                credential: self.credential,
            })
            .add_routes(routes.routes());
        let close = {
            let shutdown = shutdown.clone();
            async move {
                shutdown.draining().await;
                health
                    .set_service_status("", tonic_health::ServingStatus::NotServing)
                    .await;
                tokio::time::sleep(drain_delay).await;
            }
        };
        // Otherwise the end of each answer waits 40 ms for the acknowledgement of
        // its beginning.
        let incoming = TcpIncoming::from(self.listener).with_nodelay(Some(true));
        shutdown.spawn(async move {
            if let Err(error) = server.serve_with_incoming_shutdown(incoming, close).await {
                tracing::error!(%error, "grpc server failed");
            }
        });
        Ok(())
    }
}

/// Checks the credential and opens the span of each call.
#[derive(Clone)]
struct GuardLayer {
    credential: Arc<SecretString>,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard {
            inner,
            credential: Arc::clone(&self.credential),
        }
    }
}

#[derive(Clone)]
struct Guard<S> {
    inner: S,
    credential: Arc<SecretString>,
}

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let presented = request.headers().get(CREDENTIAL_HEADER);
        let is_trusted = path.starts_with(OPEN_PREFIX)
            || presented
                .is_some_and(|value| credential_matches(&self.credential, value.as_bytes()));
        if !is_trusted {
            let refused = status(ErrorKind::Unauthenticated, "service credential required");
            return Box::pin(async move { Ok(refused.into_http()) });
        }
        let method = path.trim_start_matches('/').to_owned();
        let span = tracing::info_span!(
            "rpc.server",
            otel.name = %method,
            otel.kind = "server",
            rpc.system = "grpc",
            rpc.grpc.status_code = tracing::field::Empty,
        );
        let headers = request.headers();
        adopt_parent(&span, &|key| headers.get(key)?.to_str().ok());
        let started = Instant::now();
        let call = self.inner.call(request);
        let recorded = span.clone();
        let respond = async move {
            let response = call.await?;
            // Only a call that fails before its first message has its status here.
            let code = response
                .headers()
                .get("grpc-status")
                .and_then(|value| value.to_str().ok())
                .unwrap_or("0")
                .to_owned();
            recorded.record("rpc.grpc.status_code", &code);
            metrics::histogram!("rpc_server_duration_seconds", "method" => method, "code" => code)
                .record(started.elapsed());
            Ok(response)
        };
        Box::pin(respond.instrument(span))
    }
}
