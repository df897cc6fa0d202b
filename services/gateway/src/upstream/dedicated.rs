use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
};

use bytes::Bytes;
use futures_util::future::{MaybeDone, maybe_done};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::{InFlight, SendError, Upstream};
use crate::affinity::Affinity;

/// Most bytes of an answer that is a refusal.
const REFUSAL_MAX: usize = 64 * 1024;

/// What a service said to an upgrade.
pub(crate) enum Upgrade {
    /// The connection speaks the other protocol from here on.
    Switched(Response<()>, ServiceSide),
    /// An ordinary answer.
    Refused(Response<Bytes>),
}

/// The service's side of a tunnel.
pub(crate) struct ServiceSide {
    pub(crate) stream: TcpStream,
    /// What it has sent already.
    pub(crate) early: Bytes,
    /// The replica counts as busy with it.
    _busy: InFlight,
}

impl Upstream {
    /// Sends `request` over a connection of its own, since that will not carry
    /// another one. A replica that cannot be reached is passed over.
    pub(crate) async fn upgrade(
        &self,
        mut request: Request<Empty<Bytes>>,
        affinity: Affinity<'_>,
    ) -> Result<Upgrade, SendError> {
        for endpoint in self.candidates(affinity) {
            let opening = connect(endpoint.address);
            let Ok(stream) = endpoint.open(opening, self.timeouts.connect).await else {
                continue;
            };
            endpoint.introduce(affinity, request.headers_mut());
            let exchange = exchange(stream, request, InFlight::begin(&endpoint));
            let answer = timeout(self.timeouts.response, exchange).await;
            return answer.or(Err(SendError::TimedOut))?;
        }
        Err(SendError::Unreachable)
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn exchange(
    stream: TcpStream,
    request: Request<Empty<Bytes>>,
    busy: InFlight,
) -> Result<Upgrade, SendError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = pin!(maybe_done(connection.without_shutdown()));
    let answer = while_driven(connection.as_mut(), sender.send_request(request)).await?;
    let (head, body) = answer.into_parts();
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        let body = Limited::new(body, REFUSAL_MAX).collect();
        let body = while_driven(connection, body).await;
        let body = body.map_err(SendError::Refusal)?.to_bytes();
        return Ok(Upgrade::Refused(Response::from_parts(head, body)));
    }
    connection.as_mut().await;
    // It is done, and nobody else has taken what it left.
    let rest = connection.take_output().ok_or(SendError::TimedOut)??;
    Ok(Upgrade::Switched(
        Response::from_parts(head, ()),
        ServiceSide {
            stream: rest.io.into_inner(),
            early: rest.read_buf,
            _busy: busy,
        },
    ))
}

/// Waits for `exchange` while the connection below it does its part, which may
/// be over sooner.
async fn while_driven<C: Future, T>(
    mut connection: Pin<&mut MaybeDone<C>>,
    exchange: impl Future<Output = T>,
) -> T {
    let mut exchange = pin!(exchange);
    poll_fn(|context| {
        let _ = connection.as_mut().poll(context);
        exchange.as_mut().poll(context)
    })
    .await
}
