//! The server under measurement: it believes tokens as realtime does, keeps an
//! event log for everybody, and passes on what one says to another.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use domain::UserId;
use http::{Response, StatusCode};
use runtime::{Clock, Shutdown, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use socketio::{
    Admission, Config, ConnectError, DisconnectReason, DrainPace, Event, Handler, Handshake,
    MemoryLog, Message, Retention, Server, Socket,
};
use tokens::Verifier;
use tokio::net::TcpSocket;

/// As many as realtime remembers.
const REMEMBERED_TOKENS: usize = 20_000;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// Nobody waits for those who leave.
const PACE: DrainPace = DrainPace {
    batch: 1_000,
    pause: Duration::ZERO,
};

/// Where it listens, and what it believes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    /// Address of the sockets
    #[arg(long, env = "ADMIN_ADDR")]
    addr: SocketAddr,
    /// The key set that tokens are verified with
    #[arg(long, env = "TOKEN_KEYS")]
    token_keys: String,
}

/// Serves until the drain is over.
pub(crate) async fn serve(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let verifier = Verifier::new(REMEMBERED_TOKENS);
    verifier.set_keys(&settings.token_keys)?;
    let post = Post {
        verifier,
        server: Arc::default(),
    };
    let itself = Arc::clone(&post.server);
    let log = Arc::new(MemoryLog::new(Retention::default()));
    let server = Server::with_log(post, Config::default(), log);
    let _ = itself.set(server.clone());
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(settings.addr)?;
    let listener = socket.listen(BACKLOG)?;
    tokio::select! {
        () = server.serve(listener) => {}
        () = shutdown.draining() => {}
    }
    server.drain(PACE).await;
    Ok(())
}

/// Carries messages from one to another.
struct Post {
    verifier: Verifier,
    server: Arc<OnceLock<Server<Post>>>,
}

#[derive(Deserialize)]
struct Letter {
    to: UserId,
    content: String,
}

#[derive(Serialize)]
struct Received<'a> {
    from: UserId,
    content: &'a str,
}

impl Post {
    fn deliver(&self, from: UserId, letter: &Letter) -> Option<usize> {
        let received = Received {
            from,
            content: &letter.content,
        };
        let message = Message::event("message:received").with(&received).ok()?;
        let room = format!("user:{}", letter.to);
        Some(self.server.get()?.to(&room).emit(&message))
    }
}

impl Handler for Post {
    type Data = UserId;

    async fn authenticate(&self, handshake: Handshake) -> Result<Admission<UserId>, ConnectError> {
        let token = handshake.auth.as_ref().and_then(|auth| auth.get("token"));
        let token = token.and_then(Value::as_str).unwrap_or_default();
        let access = self.verifier.verify(token, SystemClock.now());
        let access = access.map_err(|error| ConnectError {
            message: error.to_string(),
            data: Some(json!({ "code": "invalid_token" })),
        })?;
        Ok(Admission {
            data: access.user_id,
            rooms: vec![format!("user:{}", access.user_id)],
            log: Some(access.user_id.to_string()),
        })
    }

    async fn connected(&self, _socket: &Socket<UserId>) {}

    async fn event(&self, socket: &Socket<UserId>, event: Event) {
        let Ok(letter) = event.args.get::<Letter>(0) else {
            return socket.disconnect();
        };
        let is_delivered = self.deliver(*socket.data(), &letter).is_some();
        if let Some(ack) = event.ack {
            // What is made here can be written as JSON.
            let _ = ack.send(&json!({ "ok": is_delivered }));
        }
    }

    async fn disconnected(&self, _socket: &Socket<UserId>, _reason: DisconnectReason) {}

    fn outside(&self, path: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        if path != "/readyz" {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        response
    }
}
