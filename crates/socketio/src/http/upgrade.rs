//! A connection becomes a WebSocket: of a new session, or to take over from polling.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE},
};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{net::TcpStream, time::timeout};

use super::{Answer, FirstRequest, refusal::Refusal};
use crate::{
    Handler, engine,
    frame::Frame,
    server::Core,
    session::Session,
    transport::{Broken, WebSocket},
    websocket::{self, Incoming as Message},
};

/// What a connection is to become.
pub(super) enum Upgrade {
    /// That of a new session.
    Open {
        prefix: Option<String>,
        request: Arc<FirstRequest>,
    },
    /// That of a session which polls.
    Probe(Arc<Session>),
}

/// Answers the request for it (RFC 6455, section 4.2.2).
pub(super) fn answer(request: &Request<Incoming>) -> Result<Answer, Refusal> {
    let key = websocket::accept_key(request.method(), request.headers())
        .map_err(Refusal::NotAWebSocket)?;
    let key = HeaderValue::try_from(key).or(Err(Refusal::BadRequest))?;
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    Ok(answer)
}

impl Upgrade {
    /// Goes on over `stream`, from which `read` was read already.
    pub(super) async fn begin<H: Handler>(
        self,
        core: Arc<Core<H>>,
        stream: TcpStream,
        read: &[u8],
    ) {
        let mut websocket = WebSocket::new(Arc::new(stream), core.shared.config.max_payload);
        websocket.feed(&mut read.to_vec());
        match self {
            Self::Open { prefix, request } => {
                let stream = Arc::clone(websocket.stream());
                let session = Session::websocket(&core.shared, prefix.as_deref(), stream);
                let packet = session.open_packet(&[]);
                session.send_frame(&Frame::text(packet));
                core.launch(&session, request, Some(websocket));
            }
            Self::Probe(session) => {
                let limit = core.shared.config.upgrade_timeout;
                let probing = timeout(limit, probe(&session, &mut websocket));
                let probed = core.over().run_until_cancelled(probing).await;
                if let Some(Ok(Ok(true))) = probed {
                    session.take_over(websocket);
                } else {
                    session.end_probe();
                }
            }
        }
    }
}

/// Lets the client try the connection. Does it go on over it?
async fn probe(session: &Session, websocket: &mut WebSocket) -> Result<bool, Broken> {
    if !is_probe(&websocket.next().await?) || !session.begin_probe() {
        return Ok(false);
    }
    websocket.write_all(engine::probe_answer().wire()).await?;
    let next = websocket.next().await?;
    Ok(matches!(packet(&next), Some(engine::Packet::Upgrade)))
}

fn is_probe(message: &Message) -> bool {
    matches!(packet(message), Some(engine::Packet::Ping(text)) if *text == *b"probe")
}

fn packet(message: &Message) -> Option<engine::Packet> {
    match message {
        Message::Text(text) => engine::decode_text(text.clone()).ok(),
        _ => None,
    }
}
