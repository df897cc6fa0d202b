//! The HTTP side: handshakes, polls, and connections that become `WebSocket`s.

mod polling;
mod refusal;
mod upgrade;

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use url::form_urlencoded;

use self::{refusal::Refusal, upgrade::Upgrade};
use crate::{Handler, id, lock::lock, server::Core, session::Session};

/// For the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 32 * 1024;

type Answer = Response<Full<Bytes>>;

/// What the application may look at before it lets somebody connect.
#[derive(Debug)]
pub(crate) struct FirstRequest {
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) peer: SocketAddr,
}

/// One connection, and what it is to become after its last request.
struct Connection<H: Handler> {
    core: Arc<Core<H>>,
    peer: SocketAddr,
    upgrade: Mutex<Option<Upgrade>>,
}

/// Serves a connection to its end, or to where it becomes a WebSocket.
pub(crate) async fn serve<H: Handler>(core: Arc<Core<H>>, stream: TcpStream, peer: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let connection = Arc::new(Connection {
        core: Arc::clone(&core),
        peer,
        upgrade: Mutex::new(None),
    });
    let service = service_fn({
        let connection = Arc::clone(&connection);
        move |request| {
            let connection = Arc::clone(&connection);
            Box::pin(async move {
                let answer = connection.answer(request).await;
                Ok::<_, std::convert::Infallible>(answer.unwrap_or_else(Refusal::into_answer))
            })
        }
    });
    let mut exchange = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = poll_fn(|context| exchange.poll_without_shutdown(context)) => Some(ended),
        () = core.over().cancelled() => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        std::pin::Pin::new(&mut exchange).graceful_shutdown();
        poll_fn(|context| exchange.poll_without_shutdown(context)).await
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
    let parts = exchange.into_parts();
    let upgrade = lock(&connection.upgrade).take();
    if let Some(upgrade) = upgrade {
        upgrade
            .begin(core, parts.io.into_inner(), &parts.read_buf)
            .await;
    }
}

/// What a request of Engine.IO says in its query.
#[derive(Default)]
struct Query {
    protocol: Option<String>,
    transport: Option<String>,
    sid: Option<String>,
    is_jsonp: bool,
}

impl Query {
    fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "EIO" => query.protocol = Some(value.into_owned()),
                "transport" => query.transport = Some(value.into_owned()),
                "sid" => query.sid = Some(value.into_owned()),
                "j" => query.is_jsonp = true,
                _ => {}
            }
        }
        query
    }
}

impl<H: Handler> Connection<H> {
    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let path = request.uri().path();
        let own = &self.core.shared.config.path;
        if path != own && Some(path) != own.strip_suffix('/') {
            return self.outside(&request);
        }
        let query = Query::parse(request.uri().query().unwrap_or_default());
        if query.is_jsonp {
            return Err(Refusal::BadRequest);
        }
        let session = match &query.sid {
            Some(sid) => Some(self.core.session(sid).ok_or(Refusal::UnknownSession)?),
            None => None,
        };
        match (query.transport.as_deref(), session) {
            (Some("polling"), Some(session)) => polling::answer(request, &session).await,
            (Some("polling"), None) => self.open(request, &query),
            (Some("websocket"), session) => self.upgrade(request, &query, session),
            _ => Err(Refusal::UnknownTransport),
        }
    }

    /// Begins a session whose client polls.
    fn open(&self, request: Request<Incoming>, query: &Query) -> Result<Answer, Refusal> {
        self.check_handshake(&request, query)?;
        let prefix = self.prefix(request.headers());
        let session = Session::polling(&self.core.shared, prefix.as_deref());
        let packet = session.open_packet(&["websocket"]);
        self.core
            .launch(&session, self.first_request(request), None);
        Ok(text_answer(Bytes::from(packet)))
    }

    /// Answers that the connection becomes a WebSocket, which it does behind the answer.
    fn upgrade(
        &self,
        request: Request<Incoming>,
        query: &Query,
        session: Option<Arc<Session>>,
    ) -> Result<Answer, Refusal> {
        match &session {
            Some(session) if session.is_polling() => {}
            Some(_) => return Err(Refusal::BadRequest),
            None => self.check_handshake(&request, query)?,
        }
        let answer = upgrade::answer(&request)?;
        let upgrade = match session {
            Some(session) => Upgrade::Probe(session),
            None => Upgrade::Open {
                prefix: self.prefix(request.headers()),
                request: self.first_request(request),
            },
        };
        *lock(&self.upgrade) = Some(upgrade);
        Ok(answer)
    }

    fn check_handshake(&self, request: &Request<Incoming>, query: &Query) -> Result<(), Refusal> {
        if request.method() != Method::GET {
            return Err(Refusal::BadHandshakeMethod);
        }
        if query.protocol.as_deref() != Some("4") {
            return Err(Refusal::UnsupportedVersion);
        }
        if self.core.is_draining() || !self.core.has_room() {
            return Err(Refusal::Unavailable);
        }
        Ok(())
    }

    fn first_request(&self, request: Request<Incoming>) -> Arc<FirstRequest> {
        let (head, _) = request.into_parts();
        Arc::new(FirstRequest {
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            peer: self.peer,
        })
    }

    /// How a proxy calls this replica.
    fn prefix(&self, headers: &HeaderMap) -> Option<String> {
        let name = self.core.shared.config.sid_prefix_header.as_ref()?;
        let prefix = headers.get(name)?.to_str().ok()?;
        id::is_prefix(prefix).then(|| prefix.to_owned())
    }

    fn outside(&self, request: &Request<Incoming>) -> Result<Answer, Refusal> {
        let is_head = *request.method() == Method::HEAD;
        if !is_head && *request.method() != Method::GET {
            return Err(Refusal::NotFound);
        }
        let answer = self.core.handler.outside(request.uri().path());
        Ok(answer.map(|body| Full::new(if is_head { Bytes::new() } else { body })))
    }
}

/// A successful answer to a polling client.
fn text_answer(body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = StatusCode::OK;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=UTF-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
