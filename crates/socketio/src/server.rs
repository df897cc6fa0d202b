//! The server: its sessions, its rooms, its beginning and its end.

mod broadcast;
mod drain;
mod returns;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Once,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::broadcast::Broadcast;
use crate::{
    Config, DisconnectReason, EventLog, Feeds, Handler, SocketId,
    driver::Driver,
    http::{self, FirstRequest},
    rooms::Rooms,
    session::{Session, Shared},
    transport::WebSocket,
};

/// Pause when the process has no file left for another connection.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// A server. Cheap to clone. Lives within a tokio runtime.
pub struct Server<H: Handler>(Arc<Core<H>>);

/// What all parts of a server share.
pub(crate) struct Core<H: Handler> {
    pub(crate) handler: H,
    pub(crate) shared: Arc<Shared>,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) feeds: Option<Feeds>,
    sessions: DashMap<Arc<str>, Arc<Session>>,
    /// By the secret with which their clients may come back.
    returns: DashMap<SocketId, Arc<Session>>,
    connected: AtomicUsize,
    /// Sessions, and what their feeds are doing.
    tasks: TaskTracker,
    /// What goes on as long as there are any: connections that carry requests, and the time.
    upkeep: TaskTracker,
    draining: CancellationToken,
    /// No session is left.
    over: CancellationToken,
    has_begun: Once,
}

impl<H: Handler> Server<H> {
    /// A server without an event log: whoever comes back begins anew.
    #[must_use]
    pub fn new(handler: H, config: Config) -> Self {
        Self::build(handler, config, TaskTracker::new(), None)
    }

    /// A server whose sockets can follow a log, see [`Admission::log`](crate::Admission).
    #[must_use]
    pub fn with_log(handler: H, config: Config, log: Arc<dyn EventLog>) -> Self {
        let tasks = TaskTracker::new();
        let feeds = Feeds::new(log, tasks.clone());
        Self::build(handler, config, tasks, Some(feeds))
    }

    fn build(handler: H, config: Config, tasks: TaskTracker, feeds: Option<Feeds>) -> Self {
        Self(Arc::new(Core {
            handler,
            shared: Arc::new(Shared::new(config)),
            rooms: Arc::default(),
            feeds,
            sessions: DashMap::new(),
            returns: DashMap::new(),
            connected: AtomicUsize::new(0),
            tasks,
            upkeep: TaskTracker::new(),
            draining: CancellationToken::new(),
            over: CancellationToken::new(),
            has_begun: Once::new(),
        }))
    }

    /// Accepts connections until the drain begins.
    pub async fn serve(&self, listener: TcpListener) {
        let accepting = async {
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => self.handle(stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept");
                        sleep(EXHAUSTED).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accepting => {}
            () = self.0.draining.cancelled() => {}
        }
    }

    /// Serves one connection that was accepted elsewhere.
    pub fn handle(&self, stream: TcpStream, peer: SocketAddr) {
        let core = &self.0;
        core.begin();
        core.upkeep
            .spawn(http::serve(Arc::clone(core), stream, peer));
    }

    /// What the sockets of this server follow, if it has an event log.
    #[must_use]
    pub fn feeds(&self) -> Option<&Feeds> {
        self.0.feeds.as_ref()
    }

    /// How many sockets are connected.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.0.connected.load(Ordering::Relaxed)
    }

    /// How many sessions there are, connected or not.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.0.sessions.len()
    }
}

impl<H: Handler> Clone for Server<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H: Handler> Core<H> {
    /// Lets the time pass, from the first connection to the end of the drain.
    fn begin(&self) {
        self.has_begun.call_once(|| {
            let (shared, over) = (Arc::downgrade(&self.shared), self.over.clone());
            self.upkeep
                .spawn(over.run_until_cancelled_owned(async move {
                    let mut last = 0;
                    while let Some(shared) = shared.upgrade() {
                        let now = shared.wheel.now();
                        shared.wheel.turn(last, now);
                        last = now;
                        let tick = shared.wheel.tick();
                        drop(shared);
                        sleep(tick).await;
                    }
                }));
            if let Some(feeds) = self.feeds.clone() {
                let over = self.over.clone();
                self.upkeep
                    .spawn(over.run_until_cancelled_owned(async move { feeds.run().await }));
            }
        });
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// What says that no session is left after the drain.
    pub(crate) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// Is there room for one more session?
    pub(crate) fn has_room(&self) -> bool {
        self.sessions.len() < self.shared.config.max_sessions
    }

    /// Begins the life of a session.
    pub(crate) fn launch(
        self: &Arc<Self>,
        session: &Arc<Session>,
        request: Arc<FirstRequest>,
        websocket: Option<WebSocket>,
    ) {
        self.sessions
            .insert(Arc::clone(session.sid()), Arc::clone(session));
        let driver = Driver::new(Arc::clone(self), Arc::clone(session), request, websocket);
        self.tasks.spawn(driver);
        // Too late for the drain to find it.
        if self.is_draining() {
            session.close(DisconnectReason::ServerShutdown);
        }
    }

    /// The session with this id.
    pub(crate) fn session(&self, sid: &str) -> Option<Arc<Session>> {
        self.sessions.get(sid).map(|it| Arc::clone(&it))
    }

    /// A socket is connected.
    pub(crate) fn count_in(&self) {
        self.connected.fetch_add(1, Ordering::Relaxed);
    }

    /// A socket is gone.
    pub(crate) fn count_out(&self) {
        self.connected.fetch_sub(1, Ordering::Relaxed);
    }

    /// Nobody sends `session` anything any more. The rooms that it was in.
    pub(crate) fn let_out(&self, session: &Arc<Session>) -> Vec<Arc<str>> {
        self.stop_following(session);
        let rooms = session.rooms();
        for room in &rooms {
            self.rooms.leave(room, session);
        }
        rooms
    }

    /// Whoever comes back with the same id of a socket may follow from here on.
    fn stop_following(&self, session: &Session) {
        if let (Some(feeds), Some(id)) = (&self.feeds, session.socket_id())
            && let Some(following) = session.stop_following()
        {
            feeds.unfollow(&following.log, id);
        }
    }

    /// Nobody finds `session` any more.
    pub(crate) fn forget(&self, session: &Session) {
        self.sessions.remove(session.sid());
    }
}
