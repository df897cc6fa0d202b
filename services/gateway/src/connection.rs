//! One client connection, from its first byte to its end.

use std::{
    convert::Infallible,
    net::{self, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{
    HeaderValue, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use metrics::counter;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use uuid::Uuid;

use crate::{
    closing::Closing,
    door::Door,
    headers::{self, REQUEST_ID},
    problem::Code,
    tunnel::{Granted, Tunnel, TunnelTimeouts},
    wire::{ClientTimeouts, HeadLimits, InFlight, Wire, WireParts},
    workers::WorkerIndex,
};

/// How long the last answer may take to be read, when the client was still sending.
const LINGER: Duration = Duration::from_secs(2);

/// The most headers that hyper takes unless it is told otherwise.
const HYPER_HEADERS: usize = 100;

/// How clients are served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientLimits {
    pub(crate) head: HeadLimits,
    pub(crate) timeouts: ClientTimeouts,
    pub(crate) tunnel: TunnelTimeouts,
}

/// Whose connection it is, and which worker serves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) peer: SocketAddr,
    pub(crate) worker: WorkerIndex,
}

/// Serves a connection until either side ends it, or it has changed to another
/// protocol: then the tunnel is what remains to be done. Once `closing` is
/// has begun, it ends as soon as it is idle.
pub(crate) async fn serve(
    stream: net::TcpStream,
    client: Client,
    door: Arc<Door>,
    limits: ClientLimits,
    closing: Closing,
) -> Option<Box<Tunnel>> {
    let ready = stream
        .set_nodelay(true)
        .and_then(|()| TcpStream::from_std(stream));
    let stream = match ready {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "client connection ended");
            return None;
        }
    };
    let in_flight = InFlight::default();
    let granted: Arc<Mutex<Option<Granted>>> = Arc::default();
    let wire = Wire::new(
        stream,
        limits.head,
        limits.timeouts,
        in_flight.clone(),
        closing.begun(),
    );
    let service = service_fn(|request| {
        let door = Arc::clone(&door);
        let in_flight = in_flight.guard();
        let grant = Arc::clone(&granted);
        // Boxed, so that an idle connection does not hold the room for a request.
        Box::pin(async move {
            let (answer, granted) = door.answer(request, client, in_flight).await;
            *grant.lock().unwrap_or_else(PoisonError::into_inner) = granted;
            Ok::<_, Infallible>(answer)
        })
    });
    // The wire has checked the head and keeps the time; hyper's limits lie beyond its own.
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None);
    // Without a number, hyper keeps its headers on the stack.
    if limits.head.headers > HYPER_HEADERS {
        builder.max_headers(limits.head.headers);
    }
    let mut connection = builder.serve_connection(TokioIo::new(wire), service);
    let ended = (&mut connection).await;
    // hyper has none of what was read: without a request the wire hands nothing on.
    let WireParts {
        stream,
        staged,
        refusal,
    } = connection.into_parts().io.into_inner().into_parts();
    let granted = granted
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match (refusal, ended, granted) {
        (None, Ok(()), Some(granted)) => {
            let tunnel = granted.open(stream, staged, limits.tunnel, closing);
            return Some(Box::new(tunnel));
        }
        (Some(code), _, _) => refuse(stream, client.peer, code).await,
        (None, Ok(()), None) => part(stream).await,
        // Broken off, by the client or because the answer cannot be completed:
        // closing without more makes sure that the client sees it as incomplete.
        (None, Err(error), _) => tracing::debug!(%error, "client connection ended"),
    }
    None
}

/// Answers what is not a request, and ends the connection.
pub(crate) async fn refuse(mut stream: TcpStream, peer: SocketAddr, code: Code) {
    let request_id = Uuid::now_v7().to_string();
    let word = code.row().code;
    counter!("gateway_requests_refused_total", "code" => word).increment(1);
    tracing::info!(
        status = code.status().as_u16(),
        code = word,
        request_id,
        client.address = %peer.ip(),
        "request refused"
    );
    let answer = answer(code, &request_id);
    if let Ok(Ok(())) = timeout(LINGER, stream.write_all(&answer)).await {
        part(stream).await;
    }
}

/// The bytes of a refusal. There is no path to name: the target may be what is wrong.
fn answer(code: Code, request_id: &str) -> Bytes {
    let document = code.document("/", request_id);
    let mut headers = code.headers();
    headers::secure(&mut headers);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    let status: StatusCode = code.status();
    let mut bytes = BytesMut::with_capacity(2048);
    bytes.put_slice(format!("HTTP/1.1 {status}\r\n").as_bytes());
    for (name, value) in &headers {
        bytes.put_slice(name.as_str().as_bytes());
        bytes.put_slice(b": ");
        bytes.put_slice(value.as_bytes());
        bytes.put_slice(b"\r\n");
    }
    bytes.put_slice(b"\r\n");
    bytes.put_slice(&document);
    bytes.freeze()
}

/// Closes a connection whose client may still be sending. Closing with unread
/// bytes makes the kernel reset it, and a reset discards the answer on its way.
async fn part(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let discard = async {
        // On the heap, or every connection would hold it for all of its life.
        let mut rest = vec![0; 4096];
        while let Ok(1..) = stream.read(&mut rest).await {}
    };
    let _ = timeout(LINGER, discard).await;
}
