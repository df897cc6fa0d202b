//! What a socket of a person is to this service.

use std::sync::Arc;

use bytes::Bytes;
use domain::{SessionId, UserId};
use http::{Response, StatusCode};
use metrics::counter;
use runtime::{Readiness, admin};
use serde_json::{Value, json};
use socketio::{
    Admission, ConnectError, DisconnectReason, Event, Handler, Handshake, Server, Socket, Verdict,
};

use crate::{
    identity::Identity,
    presence::Presence,
    quota::{EventLimits, EventQuota},
    refusal::Refusal,
    seats::{Seat, Seats},
    sessions::Sessions,
};

/// What clients hear before they are sent away.
pub(crate) const SESSION_REVOKED: &str = "session:revoked";

/// Lets people in.
pub(crate) struct Sockets {
    pub(crate) identity: Identity,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) seats: Arc<Seats>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) limits: EventLimits,
    pub(crate) readiness: Readiness,
}

/// What is kept for a socket.
pub(crate) struct Person {
    seat: Seat,
    quota: EventQuota,
}

/// The room of everything that a user has connected.
pub(crate) fn user_room(user_id: UserId) -> String {
    format!("user:{user_id}")
}

/// What the rooms of logins begin with.
const SESSION_ROOMS: &str = "session:";

/// The room of everything that belongs to one login.
pub(crate) fn session_room(session_id: SessionId) -> String {
    format!("{SESSION_ROOMS}{session_id}")
}

/// The event log of a user.
pub(crate) fn log_of(user_id: UserId) -> String {
    user_id.to_string()
}

impl Sockets {
    /// The order is what nothing gets lost by: a seat before the session is
    /// looked at, so that its end is heard from then on; others told before the
    /// log is opened, so that whoever adds to it later knows of this node.
    async fn admit_person(&self, handshake: &Handshake) -> Result<Person, Refusal> {
        let access = self.identity.of(handshake)?;
        let seat = self.seats.take(&access);
        self.sessions.check(access.session_id).await?;
        self.presence.announce(access.user_id).await?;
        Ok(Person {
            seat,
            quota: EventQuota::default(),
        })
    }
}

impl Handler for Sockets {
    type Data = Person;

    async fn authenticate(&self, handshake: Handshake) -> Result<Admission<Person>, ConnectError> {
        let person = self.admit_person(&handshake).await.inspect_err(|refusal| {
            counter!("realtime_connects_refused_total", "code" => refusal.code()).increment(1);
        })?;
        let Seat {
            user_id,
            session_id,
            ..
        } = person.seat;
        Ok(Admission {
            data: person,
            rooms: vec![user_room(user_id), session_room(session_id)],
            log: Some(log_of(user_id)),
        })
    }

    async fn connected(&self, socket: &Socket<Person>) {
        let outcome = if socket.recovered() {
            "recovered"
        } else {
            "new"
        };
        counter!("realtime_connects_total", "outcome" => outcome).increment(1);
        // Recovered with its rooms, after a new login: the end of the former one is not its own.
        let own = session_room(socket.data().seat.session_id);
        for room in socket.rooms() {
            if room.starts_with(SESSION_ROOMS) && *room != *own {
                socket.leave(&room);
            }
        }
        // It may have ended before the socket was in the rooms that are sent away.
        if let Some(why) = self.seats.ended(socket.data().seat.session_id) {
            if let Ok(message) = socketio::Message::event(SESSION_REVOKED).with(&why.data()) {
                socket.emit(&message);
            }
            socket.disconnect();
        }
    }

    fn admit(&self, socket: &Socket<Person>, _event: &str, _bytes: usize) -> Verdict {
        let now = self.limits.now();
        if socket.data().quota.take(&self.limits, now) {
            return Verdict::Handle;
        }
        counter!("realtime_events_refused_total", "code" => "rate_limited").increment(1);
        Verdict::Refuse(refused("rate_limited", "too many events; wait a moment"))
    }

    async fn event(&self, _socket: &Socket<Person>, event: Event) {
        counter!("realtime_events_refused_total", "code" => "unknown_event").increment(1);
        if let Some(ack) = event.ack {
            let answer = refused("unknown_event", "there is no such event");
            if let Err(error) = ack.send(&answer) {
                tracing::error!(%error, "answer not written");
            }
        }
    }

    /// Where the gateway asks whether this node takes new sockets.
    fn outside(&self, path: &str) -> Response<Bytes> {
        let (status, body) = match path {
            "/readyz" if self.readiness.is_ready() => {
                (StatusCode::OK, admin::report(&self.readiness))
            }
            "/readyz" => (
                StatusCode::SERVICE_UNAVAILABLE,
                admin::report(&self.readiness),
            ),
            _ => (StatusCode::NOT_FOUND, String::new()),
        };
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        response
    }

    async fn disconnected(&self, _socket: &Socket<Person>, reason: DisconnectReason) {
        counter!("realtime_closes_total", "reason" => reason.as_str()).increment(1);
    }
}

/// The answer to an event that is not carried out.
fn refused(code: &str, detail: &str) -> Value {
    json!({ "ok": false, "error": { "code": code, "detail": detail } })
}

/// Ends a login here: its sockets are told why and stay away.
pub(crate) fn end_session(
    server: &Server<Sockets>,
    seats: &Seats,
    session_id: SessionId,
    why: Refusal,
) {
    if seats.end(session_id, why) {
        send_away(server, &session_room(session_id), &why.data());
    }
}

/// Tells the sockets of a room why, and disconnects them.
pub(crate) fn send_away(server: &Server<Sockets>, room: &str, why: &Value) {
    if let Ok(message) = socketio::Message::event(SESSION_REVOKED).with(why) {
        server.to(room).emit(&message);
    }
    server.to(room).disconnect();
}
