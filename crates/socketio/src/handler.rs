//! What an application is to a server.

use std::{borrow::Cow, fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;
use url::form_urlencoded;

use crate::{Args, EncodeError, Message, Socket, http::FirstRequest, session::Session};

/// An application. Its methods are called for one socket at a time and in order; for different
/// sockets at once. A method that panics is as one that returned, with an error in the log.
pub trait Handler: Send + Sync + 'static {
    /// What the application keeps for a socket.
    type Data: Send + Sync + 'static;

    /// Who is it? Asked before the client hears that it is connected, also when it comes back.
    fn authenticate(
        &self,
        handshake: Handshake,
    ) -> impl Future<Output = Result<Admission<Self::Data>, ConnectError>> + Send;

    /// After the client has been told, and before its first event is handled.
    fn connected(&self, _socket: &Socket<Self::Data>) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// What becomes of an event: the place of a rate limit. Asked as it is read, before it waits.
    fn admit(&self, _socket: &Socket<Self::Data>, _event: &str, _bytes: usize) -> Verdict {
        Verdict::Handle
    }

    /// Handles an event.
    fn event(&self, socket: &Socket<Self::Data>, event: Event) -> impl Future<Output = ()> + Send;

    /// Once for each socket that was connected, after its last event, however it ended.
    fn disconnected(
        &self,
        _socket: &Socket<Self::Data>,
        _reason: DisconnectReason,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Answers a `GET` of a path that is not the server's own, such as a look at its health.
    fn outside(&self, _path: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }
}

/// What a client has shown when it asks to be connected.
#[derive(Debug)]
pub struct Handshake {
    /// The `auth` option of the client: an object, if anything.
    pub auth: Option<Value>,
    pub(crate) request: Arc<FirstRequest>,
}

impl Handshake {
    /// The first value of `name` in the query of the first request, decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut pairs = form_urlencoded::parse(self.request.query.as_bytes());
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The headers of the first request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.request.headers
    }

    /// The value of header `name`, if there is just one and it is text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut values = self.request.headers.get_all(name).iter();
        let first = values.next()?;
        values.next().is_none().then(|| first.to_str().ok())?
    }

    /// Who sent the first request.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.request.peer
    }
}

/// Somebody who may connect.
#[derive(Debug)]
pub struct Admission<D> {
    /// What the application keeps for the socket.
    pub data: D,
    /// What it joins at once.
    pub rooms: Vec<String>,
    /// The event log it follows, if any: the user's own.
    pub log: Option<String>,
}

impl<D> Admission<D> {
    /// Somebody who may connect, and is in no room and follows no log.
    pub fn of(data: D) -> Self {
        Self {
            data,
            rooms: Vec::new(),
            log: None,
        }
    }
}

/// Somebody who may not: the client's `connect_error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    /// The `message` of the error.
    pub message: String,
    /// The `data` of the error.
    pub data: Option<Value>,
}

/// What a client has emitted.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// What came with it.
    pub args: Args,
    /// Where the answer goes, if the client waits for one.
    pub ack: Option<Ack>,
}

/// The answer to an event. Dropped without a word, the client waits until its own time limit.
pub struct Ack {
    pub(crate) session: Arc<Session>,
    pub(crate) id: u64,
}

impl fmt::Debug for Ack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Ack");
        shown.field("id", &self.id).finish_non_exhaustive()
    }
}

impl Ack {
    /// Answers with one argument.
    pub fn send<T: Serialize + ?Sized>(self, answer: &T) -> Result<(), EncodeError> {
        let answer = Message::answer().with(answer)?;
        self.send_all(&answer);
        Ok(())
    }

    /// Answers with the arguments of `answer`, made by [`Message::answer`].
    pub fn send_all(self, answer: &Message) {
        self.session.send(&answer.encode_ack(self.id));
    }
}

/// What becomes of an event that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is handled when its turn comes.
    Handle,
    /// It is not handled; if the client waits for an answer, this is it.
    Refuse(Value),
    /// The socket is closed.
    Disconnect,
}

/// Why a socket is gone, in the words of the official server where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The client has ended or lost its transport.
    TransportClose,
    /// The transport failed.
    TransportError,
    /// A heartbeat was not answered.
    PingTimeout,
    /// The client said goodbye.
    ClientDisconnect,
    /// The application has sent it away.
    ServerDisconnect,
    /// The server drains.
    ServerShutdown,
    /// It sent what is not the protocol.
    ParseError,
    /// It did not take what was sent to it.
    OutboxFull,
    /// It is no longer certain that it has everything: it is to come back and ask.
    EventsLost,
    /// It sent more than the application admits.
    RateLimited,
    /// It never asked to be connected.
    ConnectTimeout,
}

impl DisconnectReason {
    /// The reason as one text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ClientDisconnect => "client namespace disconnect",
            Self::ServerDisconnect => "server namespace disconnect",
            Self::ServerShutdown => "server shutting down",
            Self::ParseError => "parse error",
            Self::OutboxFull => "outbox full",
            Self::EventsLost => "events lost",
            Self::RateLimited => "rate limited",
            Self::ConnectTimeout => "connect timeout",
        }
    }

    /// May the client come back to what it missed?
    pub(crate) fn is_recoverable(self) -> bool {
        match self {
            Self::TransportClose
            | Self::TransportError
            | Self::PingTimeout
            | Self::ServerShutdown
            | Self::OutboxFull => true,
            Self::ClientDisconnect
            | Self::ServerDisconnect
            | Self::ParseError
            | Self::EventsLost
            | Self::RateLimited
            | Self::ConnectTimeout => false,
        }
    }

    /// Is there nobody to say anything to?
    pub(crate) fn is_abrupt(self) -> bool {
        match self {
            Self::TransportClose | Self::TransportError | Self::PingTimeout | Self::OutboxFull => {
                true
            }
            Self::ClientDisconnect
            | Self::ServerDisconnect
            | Self::ServerShutdown
            | Self::ParseError
            | Self::EventsLost
            | Self::RateLimited
            | Self::ConnectTimeout => false,
        }
    }

    /// The close code of RFC 6455 that says it best.
    pub(crate) fn close_code(self) -> u16 {
        match self {
            Self::TransportClose | Self::ClientDisconnect | Self::ServerDisconnect => 1000,
            Self::ServerShutdown => 1001,
            Self::ParseError => 1002,
            Self::PingTimeout | Self::OutboxFull | Self::RateLimited | Self::ConnectTimeout => 1008,
            Self::TransportError | Self::EventsLost => 1011,
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why there is no answer of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// It took longer than it might.
    #[error("the client did not answer within {0:?}")]
    TimedOut(Duration),
    /// The socket is gone.
    #[error("the socket was closed before the client answered")]
    Disconnected,
}
