//! The task of a session: reads, lets the application handle one thing at a time, writes what had to
//! wait, and sees the session to its end.

mod connect;
mod reading;

use std::{
    any::Any,
    collections::VecDeque,
    io,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::FutureExt;

use crate::{
    Ack, Args, DisconnectReason, Event, Handler, Socket, http::FirstRequest, packet::Assembler,
    server::Core, session::Session, transport::WebSocket,
};

/// Something that the application is doing.
type Work<H> = Pin<Box<dyn Future<Output = Option<Done<H>>> + Send>>;

/// What it has done.
enum Done<H: Handler> {
    /// Nobody is connected: the client was told why, and may ask again, or is gone.
    Refused,
    /// The client was told that it is connected.
    Admitted(Socket<H::Data>),
    Handled,
}

/// What waits to be handled.
enum Waiting {
    /// With what the client shows.
    Connect(Option<Bytes>),
    Event {
        name: String,
        args: Args,
        id: Option<u64>,
        bytes: usize,
    },
}

/// How far the session has come.
enum Stage<H: Handler> {
    /// The client has not asked to be connected.
    New(Arc<FirstRequest>),
    /// It is being looked at. Nothing is read meanwhile.
    Asking(Arc<FirstRequest>),
    /// The application does not know yet.
    Admitted(Socket<H::Data>),
    Connected(Socket<H::Data>),
    /// The application knows that it is over.
    Over,
}

/// A session's task.
pub(crate) struct Driver<H: Handler> {
    core: Arc<Core<H>>,
    session: Arc<Session>,
    stage: Stage<H>,
    work: Option<Work<H>>,
    inbox: VecDeque<Waiting>,
    inbox_bytes: usize,
    /// The packet whose attachments are awaited.
    assembler: Assembler,
    websocket: Option<WebSocket>,
    is_deaf: bool,
    /// Those that it was in, once it has left them.
    rooms: Option<Vec<Arc<str>>>,
}

impl<H: Handler> Driver<H> {
    /// The task of a new session, whose client has sent `request` first, and goes on over `websocket`
    /// or polls.
    pub(crate) fn new(
        core: Arc<Core<H>>,
        session: Arc<Session>,
        request: Arc<FirstRequest>,
        websocket: Option<WebSocket>,
    ) -> Self {
        Self {
            core,
            session,
            stage: Stage::New(request),
            work: None,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            assembler: Assembler::default(),
            websocket,
            is_deaf: false,
            rooms: None,
        }
    }

    /// Lets the application begin the next thing, when it has done the last one.
    fn begin_work(&mut self) {
        if self.work.is_some() {
            return;
        }
        if let Stage::Admitted(socket) = &self.stage {
            let (core, socket) = (Arc::clone(&self.core), socket.clone());
            self.stage = Stage::Connected(socket.clone());
            self.work = Some(work(async move {
                core.handler.connected(&socket).await;
                Done::Handled
            }));
        } else if let Some(next) = self.inbox.pop_front() {
            if self.inbox.is_empty() {
                // The room for a burst is not kept by a client that is idle.
                self.inbox = VecDeque::new();
            }
            self.work = self.handle(next);
        } else if let Some(reason) = self.session.closing() {
            self.work = self.say_goodbye(reason);
        }
    }

    fn handle(&mut self, waiting: Waiting) -> Option<Work<H>> {
        match (waiting, &self.stage) {
            (Waiting::Connect(auth), Stage::Asking(request)) => Some(work(connect::connect(
                Arc::clone(&self.core),
                Arc::clone(&self.session),
                Arc::clone(request),
                auth,
            ))),
            (
                Waiting::Event {
                    name,
                    args,
                    id,
                    bytes,
                },
                Stage::Connected(socket),
            ) => {
                self.inbox_bytes = self.inbox_bytes.saturating_sub(bytes);
                let (core, socket) = (Arc::clone(&self.core), socket.clone());
                let session = Arc::clone(&self.session);
                let ack = id.map(|id| Ack { session, id });
                Some(work(async move {
                    core.handler.event(&socket, Event { name, args, ack }).await;
                    Done::Handled
                }))
            }
            (Waiting::Connect(_) | Waiting::Event { .. }, _) => None,
        }
    }

    /// The application hears of the end, after the last event.
    fn say_goodbye(&mut self, reason: DisconnectReason) -> Option<Work<H>> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let Stage::Connected(socket) = stage else {
            return None;
        };
        self.leave();
        let rooms = self.rooms.clone().unwrap_or_default();
        let core = Arc::clone(&self.core);
        Some(work(async move {
            connect::part(&core, &socket, reason, &rooms).await;
            Done::Handled
        }))
    }

    fn poll_work(&mut self, context: &mut Context<'_>) {
        loop {
            self.begin_work();
            let Some(work) = &mut self.work else {
                return;
            };
            let Poll::Ready(done) = work.as_mut().poll(context) else {
                return;
            };
            self.work = None;
            match (done, &self.stage) {
                (Some(Done::Admitted(socket)), _) => self.stage = Stage::Admitted(socket),
                (Some(Done::Refused), Stage::Asking(request)) => {
                    self.stage = Stage::New(Arc::clone(request));
                }
                // A panic. The client tries again by itself.
                (None, Stage::Asking(_)) => {
                    self.stage = Stage::Over;
                    self.session.close(DisconnectReason::TransportError);
                }
                (Some(Done::Refused | Done::Handled) | None, _) => {}
            }
        }
    }

    /// Is there something to begin, and nothing under way?
    fn can_begin(&self) -> bool {
        self.work.is_none()
            && (!self.inbox.is_empty()
                || match &self.stage {
                    Stage::Admitted(_) => true,
                    Stage::Connected(_) => self.session.closing().is_some(),
                    Stage::New(_) | Stage::Asking(_) | Stage::Over => false,
                })
    }

    /// Writes what waits. Ready when nothing does.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(websocket) = &self.websocket else {
            return Poll::Ready(Ok(()));
        };
        while self.session.has_waiting() {
            ready!(websocket.stream().poll_write_ready(context))?;
            match self.session.write_waiting(websocket.stream()) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Nobody sends it anything any more. While the application still looks at the client, it may
    /// yet be let in.
    fn leave(&mut self) {
        if self.rooms.is_none() && !matches!(self.stage, Stage::Asking(_)) {
            self.rooms = Some(self.core.let_out(&self.session));
        }
    }

    fn hang_up(&mut self) {
        self.websocket = None;
        self.session.hang_up();
        self.core.forget(&self.session);
    }

    /// Ready when the session has ended in every respect.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(reason) = self.session.closing() else {
            return Poll::Pending;
        };
        self.leave();
        let is_sent = self.poll_write(context);
        let is_parted = match is_sent {
            Poll::Ready(Ok(())) => self.poll_part(context).is_ready(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        let is_over = reason.is_abrupt() || is_parted || self.session.is_over();
        let is_idle = self.work.is_none() && !self.can_begin();
        if is_over && is_idle {
            return Poll::Ready(());
        }
        if is_over {
            // The application is still at work; the client need not wait for it.
            self.hang_up();
        }
        Poll::Pending
    }
}

impl<H: Handler> Future for Driver<H> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.session.task().register(context.waker());
        loop {
            this.poll_work(context);
            // Reading may bring work, and work done may make room for reading.
            let has_read = this.poll_read(context);
            if let Poll::Ready(Err(error)) = this.poll_write(context) {
                tracing::debug!(%error, "cannot write to a client");
                this.session.close(DisconnectReason::TransportError);
            }
            if this.poll_end(context).is_ready() {
                return Poll::Ready(());
            }
            if !has_read && !this.can_begin() {
                return Poll::Pending;
            }
        }
    }
}

impl<H: Handler> Drop for Driver<H> {
    /// Also when the runtime goes before the session has ended.
    fn drop(&mut self) {
        self.session.close(DisconnectReason::ServerShutdown);
        self.core.let_out(&self.session);
        self.hang_up();
    }
}

/// A piece of work, which comes to nothing when it panics.
fn work<H: Handler>(working: impl Future<Output = Done<H>> + Send + 'static) -> Work<H> {
    let caught = AssertUnwindSafe(working).catch_unwind();
    Box::pin(caught.map(|done| {
        let noted = |panic: Box<dyn Any + Send>| {
            tracing::error!(panic = message_of(panic.as_ref()), "a handler panicked");
        };
        done.map_err(noted).ok()
    }))
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
