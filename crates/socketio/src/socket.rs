//! A connected client, as the application sees it.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::{
    AckError, Args, DisconnectReason, Message, SocketId, message, rooms::Rooms, session::Session,
};

/// A client that is or was connected. Cheap to clone; what is sent after it has gone goes nowhere.
pub struct Socket<D>(Arc<Inner<D>>);

struct Inner<D> {
    session: Arc<Session>,
    rooms: Arc<Rooms>,
    id: SocketId,
    recovered: bool,
    data: D,
}

impl<D> Socket<D> {
    pub(crate) fn new(
        session: Arc<Session>,
        rooms: Arc<Rooms>,
        id: SocketId,
        recovered: bool,
        data: D,
    ) -> Self {
        Self(Arc::new(Inner {
            session,
            rooms,
            id,
            recovered,
            data,
        }))
    }

    /// Its id, which the client knows too.
    #[must_use]
    pub fn id(&self) -> SocketId {
        self.0.id
    }

    /// What the application keeps for it.
    #[must_use]
    pub fn data(&self) -> &D {
        &self.0.data
    }

    /// Did the client come back in time and get everything that it had missed?
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.0.recovered
    }

    /// Is it gone, or about to be?
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.session.closing().is_some()
    }

    /// Sends `message`, in the order of the calls. It waits while the client reads more slowly; a
    /// client for which too much waits is disconnected ([`DisconnectReason::OutboxFull`]).
    pub fn emit(&self, message: &Message) {
        self.0.session.send(&message.encode());
    }

    /// Sends `message` unless something else waits to be sent: for what is stale in a moment, as
    /// that somebody types. False if it was not sent.
    #[allow(
        clippy::must_use_candidate,
        reason = "sent or not, it is nobody's loss"
    )]
    pub fn emit_volatile(&self, message: &Message) -> bool {
        self.0.session.send_volatile(&message.encode())
    }

    /// Sends `message` and waits for the client's answer.
    pub async fn emit_with_ack(
        &self,
        message: &Message,
        limit: Duration,
    ) -> Result<Args, AckError> {
        let session = &self.0.session;
        let (id, answer) = session.expect_ack().ok_or(AckError::Disconnected)?;
        let _waiting = Waiting { session, id };
        session.send(&message.encode_asking(id));
        match timeout(limit, answer).await {
            Ok(Ok(args)) => Ok(args),
            Ok(Err(_)) => Err(AckError::Disconnected),
            Err(_) => Err(AckError::TimedOut(limit)),
        }
    }

    /// Joins `room`.
    pub fn join(&self, room: &str) {
        self.0.rooms.join(room, &self.0.session);
    }

    /// Leaves `room`.
    pub fn leave(&self, room: &str) {
        self.0.rooms.leave(room, &self.0.session);
    }

    /// The rooms it is in.
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<str>> {
        self.0.session.rooms()
    }

    /// Sends it away: official clients do not come back by themselves.
    pub fn disconnect(&self) {
        let last = message::disconnect_packet();
        self.0
            .session
            .close_after(&last, DisconnectReason::ServerDisconnect);
    }

    /// Closes its transport for `reason`: official clients come back by themselves.
    pub fn close(&self, reason: DisconnectReason) {
        self.0.session.close(reason);
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.0.session
    }
}

/// Somebody who waits for an answer, until they do not.
struct Waiting<'a> {
    session: &'a Session,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.session.forget_ack(self.id);
    }
}

impl<D> Clone for Socket<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D> fmt::Debug for Socket<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Socket");
        shown
            .field("id", &self.0.id.to_string())
            .finish_non_exhaustive()
    }
}
