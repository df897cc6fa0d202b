use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode, header::HOST};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::Endpoint;

/// How long a probe may take.
const PROBE: Duration = Duration::from_secs(1);

/// Asks every endpoint whether it takes work, and notes the answers; whether any does.
pub(super) async fn probe_all(endpoints: &[Arc<Endpoint>]) -> bool {
    let probes = endpoints.iter().map(|endpoint| async {
        for pool in endpoint.pools.iter() {
            pool.sweep();
        }
        let is_ready = matches!(
            timeout(PROBE, is_ready(endpoint.address)).await,
            Ok(Ok(true))
        );
        endpoint.set_down(!is_ready);
        is_ready
    });
    join_all(probes).await.contains(&true)
}

async fn is_ready(address: SocketAddr) -> io::Result<bool> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let request = Request::get("/readyz")
        .header(HOST, address.to_string())
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    // The answer is let go at once, for the connection ends with it.
    let exchange = async move {
        sender
            .send_request(request)
            .await
            .map(|answer| answer.status())
    };
    let (status, _) = tokio::join!(exchange, connection);
    status
        .map(|status| status == StatusCode::OK)
        .map_err(io::Error::other)
}
