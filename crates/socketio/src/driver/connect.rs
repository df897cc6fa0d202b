//! A client asks to be connected, and how it parts.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::Done;
use crate::{
    Admission, ConnectError, DisconnectReason, Feeds, Handler, Handshake, Offset, Socket, SocketId,
    feeds::{Follower, Start},
    http::FirstRequest,
    message::{self, Encoded},
    server::Core,
    session::{Following, Session},
};

/// What a client shows that comes back.
struct Return {
    /// The secret that it was given.
    pid: String,
    /// The last thing that it has had, in its own words.
    offset: Option<String>,
}

/// Asks the application, and tells the client.
pub(super) async fn connect<H: Handler>(
    core: Arc<Core<H>>,
    session: Arc<Session>,
    request: Arc<FirstRequest>,
    auth: Option<Bytes>,
) -> Done<H> {
    let auth: Option<Value> = auth.and_then(|auth| serde_json::from_slice(&auth).ok());
    let comes_back = auth.as_ref().and_then(Return::of);
    match core.handler.authenticate(Handshake { auth, request }).await {
        Ok(admission) => admit(core, session, admission, comes_back).await,
        Err(ConnectError { message, data }) => {
            session.send_frame(&message::connect_error("/", &message, data.as_ref()));
            Done::Refused
        }
    }
}

async fn admit<H: Handler>(
    core: Arc<Core<H>>,
    session: Arc<Session>,
    admission: Admission<H::Data>,
    comes_back: Option<Return>,
) -> Done<H> {
    let Admission { data, rooms, log } = admission;
    let welcome = Welcome {
        core: &core,
        session: &session,
        rooms,
    };
    let recovered = if let (Some(feeds), Some(log)) = (&core.feeds, log) {
        welcome.follow(feeds, log, comes_back).await
    } else {
        welcome.say(SocketId::random(), None, &[]);
        Some(false)
    };
    let (Some(recovered), Some(id)) = (recovered, session.socket_id()) else {
        // Without the log it would miss what it is told; the client tries again by itself.
        session.close(DisconnectReason::TransportError);
        return Done::Refused;
    };
    session.is_connected();
    core.count_in();
    let rooms = Arc::clone(&core.rooms);
    Done::Admitted(Socket::new(session, rooms, id, recovered, data))
}

/// The application hears that a socket is gone, for which what it needs to come back is kept.
pub(super) async fn part<H: Handler>(
    core: &Core<H>,
    socket: &Socket<H::Data>,
    reason: DisconnectReason,
    rooms: &[Arc<str>],
) {
    let session = socket.session();
    if let (Some(feeds), Some(following)) = (&core.feeds, session.following())
        && core.is_to_come_back(following.pid, session)
    {
        if let Some(saved) = session.saved(rooms).filter(|_| reason.is_recoverable()) {
            let pid = following.pid.to_string();
            if let Err(error) = feeds.save(&pid, &saved).await {
                tracing::warn!(%error, "a client that comes back will have to begin anew");
            }
        }
        core.is_away(following.pid, session);
    }
    core.count_out();
    core.handler.disconnected(socket, reason).await;
}

impl Return {
    fn of(auth: &Value) -> Option<Self> {
        let text = |name| auth.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            pid: text("pid")?,
            offset: text("offset"),
        })
    }

    /// From where on it lacks events, if it followed its log from `began` on.
    fn start(&self, began: Offset) -> Start {
        let Some(offset) = &self.offset else {
            // It has had nothing since.
            return Start::After(began);
        };
        match offset.parse::<Offset>() {
            // Official clients keep the offset of a session that could not be recovered.
            Ok(offset) => Start::After(offset.max(began)),
            // Any last argument that is text passes for an offset with official clients.
            Err(_) => Start::Head,
        }
    }
}

/// What a client hears first.
struct Welcome<'a, H: Handler> {
    core: &'a Core<H>,
    session: &'a Arc<Session>,
    rooms: Vec<String>,
}

impl<H: Handler> Welcome<'_, H> {
    /// Says that it is connected, sends what it has `missed`, and lets it in.
    fn say(&self, id: SocketId, pid: Option<SocketId>, missed: &[Encoded]) {
        self.session.set_socket_id(id);
        let pid = pid.map(|pid| pid.to_string());
        let packet = message::connect_packet(&id.to_string(), pid.as_deref());
        self.session.send_frame(&packet);
        for event in missed {
            self.session.send(event);
        }
        for room in &self.rooms {
            self.core.rooms.join(room, self.session);
        }
    }

    /// Lets it follow `log`, from where it was if that can be. Whether it could; None if the log
    /// does not answer.
    async fn follow(
        mut self,
        feeds: &Feeds,
        log: String,
        comes_back: Option<Return>,
    ) -> Option<bool> {
        let saved = match &comes_back {
            // Its former connection may not be known to have ended yet.
            Some(Return { pid, .. }) => match self.core.take_back(pid) {
                Some(saved) => Some(saved),
                None => feeds.take(pid).await.ok().flatten(),
            },
            None => None,
        };
        // Whoever comes back as somebody else does not get what was meant for the other.
        let saved = saved.filter(|saved| saved.log == log);
        let (start, former_pid) = match (&saved, &comes_back) {
            (Some(saved), Some(it)) => (it.start(saved.offset), SocketId::parse(&it.pid)),
            _ => (Start::Head, None),
        };
        let socket = saved.as_ref().and_then(|it| SocketId::parse(&it.socket_id));
        let id = socket.unwrap_or_else(SocketId::random);
        let rooms = saved.into_iter().flat_map(|saved| saved.rooms);
        self.rooms.extend(rooms);
        self.session.set_socket_id(id);
        let mut recovered = false;
        let follower = Arc::clone(self.session) as Arc<dyn Follower>;
        let result = feeds
            .follow(&log, follower, start, |followed| {
                recovered = followed.recovered;
                // The client knows by its secret that it has been recovered.
                let pid = former_pid.filter(|_| recovered);
                let pid = pid.unwrap_or_else(SocketId::random);
                let id = if recovered { id } else { SocketId::random() };
                self.session.follow(Following {
                    log: log.clone(),
                    pid,
                    // What it missed may not reach it this time either.
                    offset: match start {
                        Start::After(offset) if recovered => offset,
                        Start::After(_) | Start::Head => followed.offset,
                    },
                });
                self.core.may_come_back(pid, self.session);
                self.say(id, Some(pid), &followed.missed);
            })
            .await;
        match result {
            Ok(()) => Some(recovered),
            Err(error) => {
                tracing::warn!(%error, "a client cannot follow its log");
                None
            }
        }
    }
}
