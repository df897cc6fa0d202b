//! What is said to many.

use std::sync::Arc;

use super::Server;
use crate::{
    DisconnectReason, Handler, Message, SocketId, message, rooms::Rooms, session::Session,
};

/// Everybody in a room, or all but one.
#[derive(Clone)]
#[must_use]
pub struct Broadcast<'a> {
    rooms: &'a Rooms,
    room: &'a str,
    except: Option<SocketId>,
    is_volatile: bool,
}

impl<H: Handler> Server<H> {
    /// Everybody in `room`.
    pub fn to<'a>(&'a self, room: &'a str) -> Broadcast<'a> {
        Broadcast {
            rooms: &self.0.rooms,
            room,
            except: None,
            is_volatile: false,
        }
    }
}

impl Broadcast<'_> {
    /// All but this one.
    pub fn except(mut self, socket: SocketId) -> Self {
        self.except = Some(socket);
        self
    }

    /// Only those to whom nothing else waits to be sent.
    pub fn volatile(mut self) -> Self {
        self.is_volatile = true;
        self
    }

    /// Sends `message`, encoded once. To how many.
    #[allow(
        clippy::must_use_candidate,
        reason = "done whether anybody counts or not"
    )]
    pub fn emit(&self, message: &Message) -> usize {
        let packet = message.encode();
        let send = |it: &Arc<Session>| {
            if self.is_volatile {
                it.send_volatile(&packet)
            } else {
                it.send(&packet)
            }
        };
        self.members().filter(send).count()
    }

    /// Sends them away: official clients do not come back by themselves. How many.
    #[allow(
        clippy::must_use_candidate,
        reason = "done whether anybody counts or not"
    )]
    pub fn disconnect(&self) -> usize {
        let last = message::disconnect_packet();
        let members = self.members();
        members
            .inspect(|it| it.close_after(&last, DisconnectReason::ServerDisconnect))
            .count()
    }

    /// Closes their transports for `reason`: official clients come back by themselves. How many.
    #[allow(
        clippy::must_use_candidate,
        reason = "done whether anybody counts or not"
    )]
    pub fn close(&self, reason: DisconnectReason) -> usize {
        self.members().inspect(|it| it.close(reason)).count()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members().count()
    }

    /// Is nobody there?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn members(&self) -> impl Iterator<Item = Arc<Session>> {
        let except = self.except;
        let members = self.rooms.members(self.room).into_iter();
        members.filter(move |it| except.is_none() || it.socket_id() != except)
    }
}
