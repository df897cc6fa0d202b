//! A server for a story.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use socketio::{Config, DisconnectReason, DrainPace, EventLog, MemoryLog, Retention, Server};
use testkit::eventually;
use tokio::net::{TcpListener, TcpSocket};

use crate::chat::Chat;

const LIMIT: Duration = Duration::from_secs(10);
/// What a log holds; `javascript/recovery.js` knows it.
const RETENTION: Retention = Retention {
    time: Duration::from_mins(2),
    touch_interval: Duration::from_mins(1),
    events: 50,
};

/// A server that listens.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    server: Server<Chat>,
    chat: Chat,
}

impl Stage {
    /// On any port.
    pub(crate) fn open(config: Config) -> Self {
        Self::open_on(anywhere(), config, Arc::new(MemoryLog::new(RETENTION)))
    }

    /// On a port and with a log that another server may have had before.
    pub(crate) fn open_on(address: SocketAddr, config: Config, log: Arc<dyn EventLog>) -> Self {
        let listener = listen(address);
        let chat = Chat::default();
        let server = Server::with_log(chat.clone(), config, log);
        chat.begin(server.clone());
        let stage = Self {
            address: listener.local_addr().unwrap(),
            server: server.clone(),
            chat,
        };
        tokio::spawn(async move { server.serve(listener).await });
        stage
    }

    /// Waits until `name` has left; why.
    pub(crate) async fn parting(&self, name: &str) -> DisconnectReason {
        let mut reason = None;
        eventually(LIMIT, async || {
            let partings = self.chat.partings.lock().unwrap();
            let mut of_name = partings.iter().filter(|(it, _)| it == name);
            reason = of_name.next().map(|(_, reason)| *reason);
            reason.is_some()
        })
        .await;
        reason.unwrap()
    }

    /// Ends it; everybody must have left then, with a word.
    pub(crate) async fn close(self) {
        let pace = DrainPace {
            batch: 10,
            pause: Duration::from_millis(5),
        };
        tokio::time::timeout(LIMIT, self.server.drain(pace))
            .await
            .expect("the drain ends");
        assert_eq!((self.server.sockets(), self.server.sessions()), (0, 0));
    }
}

/// Clients of a server that was here before may still be closing their connections.
fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(1024).unwrap()
}

/// Any port.
pub(crate) fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}
