//! An Engine.IO session: what connects a client to its socket, over one transport after the other.
//!
//! Whoever has something for the client hands it to [`Session::send`], from any thread: over
//! WebSocket it is written at once if nothing waits and the kernel takes it; otherwise it waits in
//! the outbox for the session's task (`driver`), or for the client's next poll.

mod heart;
mod polling;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, OnceLock, Weak},
};

use futures_util::task::AtomicWaker;
use tokio::{net::TcpStream, sync::oneshot};

use self::{heart::Heart, polling::Polling};
use crate::{
    Args, Config, DisconnectReason, Offset, SavedSession, SocketId, engine,
    frame::Frame,
    id::session_id,
    lock::lock,
    message::Encoded,
    outbox::{Outbox, OutboxLimits},
    transport::WebSocket,
    websocket,
    wheel::Wheel,
};

/// What all sessions of a server have in common.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) wheel: Wheel,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            wheel: Wheel::new(config.tick()),
            config,
        }
    }

    fn outbox_limits(&self) -> OutboxLimits {
        OutboxLimits {
            packets: self.config.outbox_packets,
            bytes: self.config.outbox_bytes,
        }
    }
}

pub(crate) struct Session {
    me: Weak<Self>,
    sid: Arc<str>,
    shared: Arc<Shared>,
    following: OnceLock<Box<Following>>,
    /// The session's task.
    task: AtomicWaker,
    state: Mutex<State>,
}

struct State {
    socket_id: Option<SocketId>,
    follows: bool,
    transport: Transport,
    outbox: Outbox,
    closing: Option<DisconnectReason>,
    heart: Heart,
    rooms: Vec<Arc<str>>,
    acks: Option<Box<Acks>>,
    /// What a polling client has posted and the session's task has not looked at.
    posted: Option<Box<Posted>>,
    takeover: Option<Box<WebSocket>>,
}

enum Transport {
    Polling(Polling),
    WebSocket(Arc<TcpStream>),
    /// The session has ended.
    Gone,
}

/// The packets of one request, and whom to tell that they were taken.
pub(crate) struct Posted {
    pub(crate) packets: std::vec::IntoIter<engine::Packet>,
    pub(crate) taken: oneshot::Sender<()>,
}

/// What a socket follows, and how its client comes back to it.
#[derive(Debug)]
pub(crate) struct Following {
    pub(crate) log: String,
    /// The secret by which the client comes back.
    pub(crate) pid: SocketId,
    /// Where it began.
    pub(crate) offset: Offset,
}

/// Answers that somebody waits for.
#[derive(Default)]
struct Acks {
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<Args>>,
}

impl Session {
    /// A session of a polling client.
    pub(crate) fn polling(shared: &Arc<Shared>, prefix: Option<&str>) -> Arc<Self> {
        Self::begin(shared, prefix, Transport::Polling(Polling::default()))
    }

    /// A session of a client that has begun with WebSocket.
    pub(crate) fn websocket(
        shared: &Arc<Shared>,
        prefix: Option<&str>,
        stream: Arc<TcpStream>,
    ) -> Arc<Self> {
        Self::begin(shared, prefix, Transport::WebSocket(stream))
    }

    fn begin(shared: &Arc<Shared>, prefix: Option<&str>, transport: Transport) -> Arc<Self> {
        let heart = Heart::new(shared);
        let due = heart.due();
        let session = Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            sid: session_id(prefix).into(),
            shared: Arc::clone(shared),
            following: OnceLock::new(),
            task: AtomicWaker::new(),
            state: Mutex::new(State {
                socket_id: None,
                follows: false,
                transport,
                outbox: Outbox::default(),
                closing: None,
                heart,
                rooms: Vec::new(),
                acks: None,
                posted: None,
                takeover: None,
            }),
        });
        shared.wheel.add(due, Weak::clone(&session.me));
        session
    }

    /// The id of the session, as Engine.IO knows it.
    pub(crate) fn sid(&self) -> &Arc<str> {
        &self.sid
    }

    /// The id of its socket, once there is one.
    pub(crate) fn socket_id(&self) -> Option<SocketId> {
        self.state().socket_id
    }

    pub(crate) fn set_socket_id(&self, id: SocketId) {
        self.state().socket_id = Some(id);
    }

    /// What it follows, once it does.
    pub(crate) fn following(&self) -> Option<&Following> {
        self.following.get().map(Box::as_ref)
    }

    pub(crate) fn follow(&self, following: Following) {
        let _ = self.following.set(Box::new(following));
        self.state().follows = true;
    }

    /// It follows no longer. What it followed until now, if it did.
    pub(crate) fn stop_following(&self) -> Option<&Following> {
        let did = std::mem::take(&mut self.state().follows);
        self.following().filter(|_| did)
    }

    /// What its client needs to come back to what it follows.
    pub(crate) fn saved(&self, rooms: &[Arc<str>]) -> Option<SavedSession> {
        let following = self.following()?;
        Some(SavedSession {
            socket_id: self.socket_id()?.to_string(),
            log: following.log.clone(),
            rooms: rooms.iter().map(ToString::to_string).collect(),
            offset: following.offset,
        })
    }

    /// What the client has to know about the session.
    pub(crate) fn open_packet(&self, upgrades: &[&str]) -> String {
        let config = self.config();
        engine::open_packet(
            &self.sid,
            config.ping_interval,
            config.ping_timeout,
            config.max_payload,
            upgrades,
        )
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    /// What wakes the session's task.
    pub(crate) fn task(&self) -> &AtomicWaker {
        &self.task
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    // --- To the client ------------------------------------------------------------------------

    /// Sends a packet. False when the session is ending.
    pub(crate) fn send(&self, packet: &Encoded) -> bool {
        let mut state = self.state();
        let sent = state.closing.is_none();
        self.send_frames(&mut state, packet.frames());
        sent
    }

    /// Sends a packet unless something else waits already.
    pub(crate) fn send_volatile(&self, packet: &Encoded) -> bool {
        let mut state = self.state();
        let can = state.closing.is_none() && state.outbox.is_empty();
        if can {
            self.send_frames(&mut state, packet.frames());
        }
        can
    }

    /// Sends one frame.
    pub(crate) fn send_frame(&self, frame: &Frame) {
        self.send_frames(&mut self.state(), [frame]);
    }

    fn send_frames<'a>(&self, state: &mut State, frames: impl IntoIterator<Item = &'a Frame>) {
        if state.closing.is_some() {
            return;
        }
        let limits = self.shared.outbox_limits();
        for frame in frames {
            let written = match state.write_now(frame) {
                Ok(written) => written,
                Err(error) => {
                    tracing::debug!(%error, "cannot write to a client");
                    return self.close_state(state, DisconnectReason::TransportError);
                }
            };
            if written < frame.len() && state.outbox.push(frame.clone(), written, limits).is_err() {
                return self.close_state(state, DisconnectReason::OutboxFull);
            }
        }
        if !state.outbox.is_empty() {
            match &mut state.transport {
                Transport::Polling(polling) => polling.wake(),
                Transport::WebSocket(_) => self.task.wake(),
                Transport::Gone => {}
            }
        }
    }

    /// Writes what waits to `stream`, as much as it takes at once.
    pub(crate) fn write_waiting(&self, stream: &TcpStream) -> io::Result<()> {
        let mut state = self.state();
        if state.outbox.is_empty() {
            return Ok(());
        }
        state
            .outbox
            .write(|slices| stream.try_write_vectored(slices))
    }

    /// Does something wait to be written?
    pub(crate) fn has_waiting(&self) -> bool {
        !self.state().outbox.is_empty()
    }

    /// Has the client, if it polls, heard that this is the end?
    pub(crate) fn has_been_told(&self) -> bool {
        match &self.state().transport {
            Transport::Polling(polling) => polling.has_been_told(),
            Transport::WebSocket(_) | Transport::Gone => true,
        }
    }

    // --- Answers of the client ----------------------------------------------------------------

    /// Announces that somebody waits for an answer: its id, and where it comes. None when the
    /// session is ending.
    pub(crate) fn expect_ack(&self) -> Option<(u64, oneshot::Receiver<Args>)> {
        let mut state = self.state();
        if state.closing.is_some() {
            return None;
        }
        let (answer, waiting) = oneshot::channel();
        let acks = state.acks.get_or_insert_default();
        acks.last += 1;
        let id = acks.last;
        acks.waiting.insert(id, answer);
        Some((id, waiting))
    }

    /// Forgets that somebody waited for answer `id`.
    pub(crate) fn forget_ack(&self, id: u64) {
        if let Some(acks) = &mut self.state().acks {
            acks.waiting.remove(&id);
        }
    }

    /// Hands the answer to whoever waits for it, if anybody still does.
    pub(crate) fn answer(&self, id: u64, args: Args) {
        let waiting = self
            .state()
            .acks
            .as_mut()
            .and_then(|acks| acks.waiting.remove(&id));
        if let Some(waiting) = waiting {
            let _ = waiting.send(args);
        }
    }

    // --- Rooms --------------------------------------------------------------------------------

    /// Notes that it is in room `name`. False if it was, or is ending.
    pub(crate) fn enter(&self, name: Arc<str>) -> bool {
        let mut state = self.state();
        let is_new = state.closing.is_none() && !state.rooms.contains(&name);
        if is_new {
            state.rooms.reserve_exact(1);
            state.rooms.push(name);
        }
        is_new
    }

    /// Notes that it is no longer in room `name`.
    pub(crate) fn exit(&self, name: &str) {
        self.state().rooms.retain(|it| **it != *name);
    }

    /// The rooms that it is in.
    pub(crate) fn rooms(&self) -> Vec<Arc<str>> {
        self.state().rooms.clone()
    }

    // --- The end ------------------------------------------------------------------------------

    /// Why it is ending, if it is.
    pub(crate) fn closing(&self) -> Option<DisconnectReason> {
        self.state().closing
    }

    /// Ends the session. The first reason counts.
    pub(crate) fn close(&self, reason: DisconnectReason) {
        self.close_state(&mut self.state(), reason);
    }

    /// Sends a packet as the last one, and ends the session.
    pub(crate) fn close_after(&self, last: &Frame, reason: DisconnectReason) {
        let mut state = self.state();
        self.send_frames(&mut state, [last]);
        self.close_state(&mut state, reason);
    }

    /// Ends the session, whose WebSocket is closed by this frame.
    pub(crate) fn close_by(&self, close: &Frame, reason: DisconnectReason) {
        let mut state = self.state();
        self.send_frames(&mut state, [close]);
        self.end(&mut state, reason);
    }

    fn close_state(&self, state: &mut State, reason: DisconnectReason) {
        if reason.is_abrupt() {
            state.outbox.clear();
        } else if let Transport::WebSocket(_) = &state.transport {
            let last = websocket::close_frame(reason.close_code(), reason.as_str());
            self.send_frames(state, [&last]);
        }
        self.end(state, reason);
    }

    fn end(&self, state: &mut State, reason: DisconnectReason) {
        if state.closing.is_some() {
            return;
        }
        state.closing = Some(reason);
        state.acks = None;
        let end = state.heart.stop(&self.shared);
        self.shared.wheel.add(end, Weak::clone(&self.me));
        if let Some(posted) = state.posted.take()
            && !matches!(
                reason,
                DisconnectReason::ParseError | DisconnectReason::TransportError
            )
        {
            let _ = posted.taken.send(());
        }
        if let Transport::Polling(polling) = &mut state.transport {
            polling.wake();
        }
        self.task.wake();
    }

    /// Lets go of the transport, whoever still holds the session.
    pub(crate) fn hang_up(&self) {
        let mut state = self.state();
        let former = std::mem::replace(&mut state.transport, Transport::Gone);
        if let Transport::Polling(mut polling) = former {
            polling.wake();
        }
        state.outbox.clear();
        state.posted = None;
        state.takeover = None;
    }

    // --- The transport ------------------------------------------------------------------------

    /// Goes on over a WebSocket connection, in which `takeover` has read so far.
    pub(crate) fn take_over(&self, takeover: WebSocket) {
        let mut state = self.state();
        if state.closing.is_some() {
            return;
        }
        let stream = Arc::clone(takeover.stream());
        let former = std::mem::replace(&mut state.transport, Transport::WebSocket(stream));
        if let Transport::Polling(mut polling) = former {
            polling.wake();
        }
        state.takeover = Some(Box::new(takeover));
        self.task.wake();
    }

    /// The connection that takes over, for the session's task.
    pub(crate) fn taken_over(&self) -> Option<Box<WebSocket>> {
        self.state().takeover.take()
    }
}

impl State {
    /// Writes as much of `frame` as the kernel takes at once.
    fn write_now(&self, frame: &Frame) -> io::Result<usize> {
        match &self.transport {
            Transport::WebSocket(stream) if self.outbox.is_empty() && self.takeover.is_none() => {
                match stream.try_write(frame.wire()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                    written => written,
                }
            }
            Transport::Polling(_) | Transport::WebSocket(_) | Transport::Gone => Ok(0),
        }
    }
}

impl crate::feeds::Follower for Session {
    fn id(&self) -> Option<SocketId> {
        self.socket_id()
    }

    fn deliver(&self, packet: &Encoded) {
        self.send(packet);
    }

    fn lost(&self) {
        self.close(DisconnectReason::EventsLost);
    }
}
