//! The admin port: `/livez`, `/readyz`, `/metrics`, for orchestrators and
//! scrapers. Never reachable from outside.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Empty, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::{Readiness, Shutdown};

/// Renders the metrics of the process in Prometheus text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// A bound admin port that does not answer yet.
pub struct AdminServer {
    listener: TcpListener,
    readiness: Readiness,
    metrics: RenderMetrics,
}

impl AdminServer {
    /// Takes the port.
    pub async fn bind(
        address: SocketAddr,
        readiness: Readiness,
        metrics: RenderMetrics,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            readiness,
            metrics,
        })
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the service has ended: orchestrators ask during the drain, too.
    pub fn spawn(self, shutdown: &Shutdown) {
        let shutdown = shutdown.clone();
        // Not a tracked task: the drain must not wait for the port that reports it.
        tokio::spawn(async move {
            tokio::select! {
                () = self.accept() => {}
                () = shutdown.stopped() => {}
            }
        });
    }

    async fn accept(self) {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "admin port cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let readiness = self.readiness.clone();
            let metrics = Arc::clone(&self.metrics);
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let response = respond(&request, &readiness, &metrics);
                    async move { Ok::<_, Infallible>(response) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(10))
                    .serve_connection(TokioIo::new(stream), service);
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "admin connection ended");
                }
            });
        }
    }
}

fn respond(
    request: &Request<Incoming>,
    readiness: &Readiness,
    metrics: &RenderMetrics,
) -> Response<Full<Bytes>> {
    if request.method() != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", String::new());
    }
    match request.uri().path() {
        "/livez" => text(
            StatusCode::OK,
            "application/json",
            r#"{"status":"alive"}"#.to_owned(),
        ),
        "/readyz" => {
            let status = if readiness.is_ready() {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            text(status, "application/json", report(readiness))
        }
        "/metrics" => text(StatusCode::OK, "text/plain; version=0.0.4", metrics()),
        _ => text(StatusCode::NOT_FOUND, "text/plain", String::new()),
    }
}

/// The body of `/readyz`: the state and what is known of the dependencies.
#[must_use]
pub fn report(readiness: &Readiness) -> String {
    let dependencies: serde_json::Map<String, serde_json::Value> = readiness
        .dependencies()
        .into_iter()
        .map(|(name, is_up)| (name.to_owned(), if is_up { "up" } else { "down" }.into()))
        .collect();
    serde_json::json!({ "status": readiness.state(), "dependencies": dependencies }).to_string()
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Asks the admin port at `address` whether the service is ready: what the
/// `healthcheck` subcommand does.
pub async fn healthcheck(address: SocketAddr) -> anyhow::Result<()> {
    let ask = async {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get("/readyz")
            .header("host", address.to_string())
            .body(Empty::<Bytes>::new())?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            anyhow::Ok((status, body))
        };
        tokio::pin!(connection);
        tokio::select! {
            answer = exchange => answer,
            ended = &mut connection => Err(ended.err().map_or_else(
                || anyhow::anyhow!("connection closed without an answer"),
                Into::into,
            )),
        }
    };
    let (status, body) = tokio::time::timeout(Duration::from_secs(3), ask).await??;
    anyhow::ensure!(
        status.is_success(),
        "not ready: {}",
        String::from_utf8_lossy(&body)
    );
    Ok(())
}
