//! The public port: accepting, the number of connections, the drain.

use std::{
    io,
    net::{self, SocketAddr},
    sync::Arc,
    time::Duration,
};

use metrics::{counter, gauge};
use runtime::Shutdown;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use crate::{
    closing::Closing,
    connection::{self, Client, ClientLimits},
    door::Door,
    problem::Code,
    workers::{Seat, Workers},
};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;
/// Connections beyond the limit that are told so at a time; more are just closed.
const TURNED_AWAY: usize = 256;
/// Pause when the process has no file left for another connection.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Serves the public port.
pub(crate) struct Server {
    door: Arc<Door>,
    workers: Arc<Workers>,
    limits: ClientLimits,
    places: Arc<Semaphore>,
    waiting_room: Arc<Semaphore>,
    closing: Closing,
    shutdown: Shutdown,
}

/// Takes the public port.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Server {
    pub(crate) fn new(
        door: Arc<Door>,
        workers: Arc<Workers>,
        limits: ClientLimits,
        max_connections: usize,
        closing: Closing,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            door,
            workers,
            limits,
            places: Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS))),
            waiting_room: Arc::new(Semaphore::new(TURNED_AWAY)),
            closing,
            shutdown,
        }
    }

    /// Accepts until `drain_delay` after the drain has begun, then closes the
    /// port. Connections go on until they are idle, tunnels until their turn.
    pub(crate) async fn run(self, listener: TcpListener, drain_delay: Duration) {
        let last_call = async {
            self.shutdown.draining().await;
            sleep(drain_delay).await;
        };
        tokio::select! {
            () = self.accept(&listener) => {}
            () = last_call => {}
        }
        if let Err(error) = self.accept_backlog(listener) {
            tracing::warn!(%error, "cannot accept");
        }
        self.closing.begin();
    }

    async fn accept(&self, listener: &TcpListener) {
        loop {
            let accepted = listener.accept().await;
            match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    sleep(EXHAUSTED).await;
                }
            }
        }
    }

    /// Takes everyone whose handshake is over, for closing the port resets
    /// them. Asks the kernel itself: the runtime may not have heard of them yet.
    fn accept_backlog(&self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        loop {
            match listener.accept() {
                Ok((stream, peer)) => {
                    stream.set_nonblocking(true)?;
                    self.admit(stream, peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn admit(&self, stream: net::TcpStream, peer: SocketAddr) {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let seat = self.workers.seat();
            let runtime = seat.runtime.clone();
            let client = Client {
                peer,
                worker: seat.worker,
            };
            // Boxed, so that a tunnel does not hold the room for what came before it.
            let served = Box::pin(connection::serve(
                stream,
                client,
                Arc::clone(&self.door),
                self.limits,
                self.closing.clone(),
            ));
            let life = async move {
                if let Some(tunnel) = served.await {
                    tunnel.await;
                }
            };
            self.shutdown
                .spawn_on(counted(life, (place, seat)), &runtime);
        } else if let Ok(place) = Arc::clone(&self.waiting_room).try_acquire_owned() {
            self.shutdown.spawn(async move {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    connection::refuse(stream, peer, Code::TooManyConnections).await;
                }
                drop(place);
            });
        } else {
            counter!("gateway_connections_dropped_total").increment(1);
        }
    }
}

async fn counted(served: impl Future<Output = ()>, places: (OwnedSemaphorePermit, Seat)) {
    let connections = gauge!("gateway_connections");
    connections.increment(1);
    // Also when the connection is dropped at the stop.
    let _count = OnDrop(move || connections.decrement(1));
    served.await;
    drop(places);
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
