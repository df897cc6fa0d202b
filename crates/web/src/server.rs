use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App, HttpResponse,
    http::{KeepAlive, StatusCode, header::CONTENT_TYPE},
    middleware,
    web::{self, Data, ServiceConfig},
};
use runtime::{Readiness, Shutdown, admin, settings::LifecycleSettings};
use secrecy::SecretString;

use crate::{
    ApiError, Authenticator, Code, Routes,
    credential::Gate,
    observe::{READY_PATH, Surroundings, observe},
    paths::Words,
};

/// Largest request head that the gateway forwards, and the time it may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A bound HTTP port of a service, reachable by the gateway only.
pub struct HttpServer {
    listener: TcpListener,
}

impl HttpServer {
    /// Takes the port.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves `routes`, with what `configure` puts into the application data,
    /// until `drain_delay` after the drain begins; then the requests that run
    /// are finished. While it drains, every answer asks for the connection to be closed.
    #[expect(
        clippy::too_many_arguments,
        reason = "the composition root names each part once"
    )]
    pub fn spawn(
        self,
        service: &'static str,
        routes: Routes,
        configure: impl Fn(&mut ServiceConfig) + Send + Clone + 'static,
        authenticator: Data<Authenticator>,
        credential: SecretString,
        readiness: Readiness,
        lifecycle: &LifecycleSettings,
        shutdown: &Shutdown,
    ) -> io::Result<()> {
        let routes = Arc::new(routes);
        let surroundings = Arc::new(Surroundings {
            service,
            gate: Gate(Arc::new(credential)),
            words: Words(Arc::new(routes.static_segments())),
            operations: routes.iter().cloned().collect(),
            readiness: readiness.clone(),
        });
        let server = actix_web::HttpServer::new(move || {
            let surroundings = Arc::clone(&surroundings);
            let routes = Arc::clone(&routes);
            App::new()
                .app_data(authenticator.clone())
                .app_data(Data::new(readiness.clone()))
                .wrap(middleware::from_fn(move |request, next| {
                    observe(Arc::clone(&surroundings), request, next)
                }))
                .configure(configure.clone())
                .configure(move |config| routes.configure(config))
                .route(READY_PATH, web::get().to(ready))
                .default_service(web::to(nothing_here))
        })
        .keep_alive(KeepAlive::Timeout(Duration::from_secs(75)))
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(lifecycle.drain_grace.as_secs())
        .disable_signals()
        .listen(self.listener)?
        .run();

        let handle = server.handle();
        let drain_delay = lifecycle.drain_delay;
        let draining = shutdown.clone();
        shutdown.spawn(async move {
            let stop = async {
                draining.draining().await;
                tokio::time::sleep(drain_delay).await;
                handle.stop(true).await;
            };
            let (ended, ()) = tokio::join!(server, stop);
            if let Err(error) = ended {
                tracing::error!(%error, "http server failed");
            }
        });
        Ok(())
    }
}

async fn ready(readiness: Data<Readiness>) -> HttpResponse {
    let status = if readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(admin::report(&readiness))
}

async fn nothing_here() -> Result<HttpResponse, ApiError> {
    Err(ApiError::of(Code::NotFound))
}
