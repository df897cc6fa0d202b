use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::mpsc, time::Instant};

use crate::body::RequestBody;

/// How long a connection may rest. Services keep theirs for longer, so that
/// this side is the one that closes.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Most connections resting at one address.
const IDLE_COUNT: usize = 512;

/// The idle connections to one address. The one used last is used next, so
/// that those a burst has left over grow old and are closed.
#[derive(Default)]
pub(super) struct Pool(Mutex<State>);

#[derive(Default)]
struct State {
    idle: Vec<Idle>,
    is_closed: bool,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// The idle connection used last, if there is one that is still open.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut state = self.state();
        while let Some(idle) = state.idle.pop() {
            if idle.connection.sender.is_ready() {
                return Some(idle.connection);
            }
        }
        None
    }

    /// Closes what has been idle for too long.
    pub(super) fn sweep(&self) {
        self.state()
            .idle
            .retain(|idle| idle.since.elapsed() < IDLE_MAX && !idle.connection.sender.is_closed());
    }

    /// A closed pool drops what it has and whatever is put into it.
    pub(super) fn set_open(&self, is_open: bool) {
        let mut state = self.state();
        state.is_closed = !is_open;
        if !is_open {
            state.idle.clear();
        }
    }

    fn put(&self, connection: Connection) {
        let mut state = self.state();
        if !state.is_closed && state.idle.len() < IDLE_COUNT {
            state.idle.push(Idle {
                connection,
                since: Instant::now(),
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that no request is on.
pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    returns: mpsc::UnboundedSender<Connection>,
}

/// How sending over one connection went.
pub(super) enum Sent {
    Answered(Response<Incoming>, Connection),
    Unsent(Request<RequestBody>),
    Failed(hyper::Error),
}

impl Connection {
    /// Connects, and drives the connection in the background until it is closed.
    pub(super) async fn open(address: SocketAddr, pool: &Arc<Pool>) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let (returns, returned) = mpsc::unbounded_channel();
        // Not a tracked task: the drain waits for requests, not for idle connections.
        tokio::spawn(drive(connection, returned, Arc::downgrade(pool)));
        Ok(Self { sender, returns })
    }

    pub(super) async fn send(mut self, request: Request<RequestBody>) -> Sent {
        match self.sender.try_send_request(request).await {
            Ok(response) => Sent::Answered(response, self),
            Err(mut error) => match error.take_message() {
                Some(request) => Sent::Unsent(request),
                None => Sent::Failed(error.into_error()),
            },
        }
    }

    /// Hands the connection to its task, which knows when it can take a request again.
    pub(super) fn give_back(self) {
        let returns = self.returns.clone();
        // The task has ended if the connection was closed meanwhile.
        let _ = returns.send(self);
    }
}

type Driver = http1::Connection<TokioIo<TcpStream>, RequestBody>;

async fn drive(
    mut driver: Driver,
    mut returned: mpsc::UnboundedReceiver<Connection>,
    pool: Weak<Pool>,
) {
    loop {
        let ended = tokio::select! {
            ended = &mut driver => ended,
            ready = next_ready(&mut returned) => match ready {
                Some(connection) => {
                    if let Some(pool) = pool.upgrade() {
                        pool.put(connection);
                    }
                    continue;
                }
                // Nobody can send any more: what is under way is the last of it.
                None => (&mut driver).await,
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "upstream connection ended");
        }
        return;
    }
}

/// The next connection that was given back, once its last exchange is over.
/// `None` when it can take no more, or nobody has it any more.
async fn next_ready(returned: &mut mpsc::UnboundedReceiver<Connection>) -> Option<Connection> {
    let mut connection = returned.recv().await?;
    connection.sender.ready().await.ok()?;
    Some(connection)
}
