//! What a server holds for a client is gone when the client is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "in a test, a panic is the failure report"
)]

use std::{fs, net::SocketAddr, sync::Arc, time::Duration};

use socketio::{
    Admission, Config, ConnectError, DisconnectReason, Event, Handler, Handshake, MemoryLog,
    Message, Retention, Server, Socket,
};
use testkit::eventually;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const ROUNDS: usize = 100;
/// Few at a time: memory that many leave free would hide what is never freed.
const CLIENTS: usize = 200;
/// Rounds after which the allocator has what it needs.
const WARM_UP: usize = 50;
/// Three hundred bytes for each client after that: less than a socket that stays, more than the
/// step of 2 MiB in which the kernel may give memory.
const MARGIN_KIB: usize = (ROUNDS - WARM_UP) * CLIENTS * 300 / 1024;
const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_clients_come_and_go_and_leave_nothing() {
    // What it keeps for those who come back must not be what is measured.
    let log = MemoryLog::new(Retention {
        time: Duration::from_millis(100),
        touch_interval: Duration::from_millis(100),
        events: 10,
    });
    // Nor is the appointment for a heartbeat, which is kept until it is due.
    let config = Config {
        ping_interval: Duration::from_secs(1),
        linger: Duration::from_millis(200),
        ..Config::default()
    };
    let server = Server::with_log(Guests, config, Arc::new(log));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve(listener).await });

    let mut resident = Vec::new();
    for round in 1..=ROUNDS {
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            clients.push(connect(address, number).await);
        }
        assert_eq!(server.sockets(), CLIENTS);
        // Some say goodbye, others are just gone.
        for client in clients.iter_mut().step_by(2) {
            send(client, "41").await;
        }
        drop(clients);
        // The application hears of the last ones when their sessions are gone already.
        eventually(LIMIT, async || {
            (server.sessions(), server.sockets()) == (0, 0)
        })
        .await;
        if round >= WARM_UP && round % 10 == 0 {
            resident.push(resident_kib());
        }
    }
    let (first, last) = (resident.first().unwrap(), resident.last().unwrap());
    assert!(
        *last <= first + MARGIN_KIB,
        "KiB after every ten rounds: {resident:?}"
    );
}

/// Everybody is let in, has a log and a room, and is answered.
struct Guests;

impl Handler for Guests {
    type Data = String;

    async fn authenticate(&self, handshake: Handshake) -> Result<Admission<String>, ConnectError> {
        let name = handshake.auth.as_ref().and_then(|auth| auth.get("name"));
        let name = name.expect("a name").to_string();
        Ok(Admission {
            rooms: vec![format!("user:{name}")],
            log: Some(name.clone()),
            data: name,
        })
    }

    async fn connected(&self, socket: &Socket<String>) {
        socket.emit(&Message::event("welcome").with(socket.data()).unwrap());
    }

    async fn event(&self, _socket: &Socket<String>, event: Event) {
        event.ack.expect("a question").send("hello").unwrap();
    }

    async fn disconnected(&self, _socket: &Socket<String>, _reason: DisconnectReason) {}
}

/// A client that has been greeted and answered.
async fn connect(server: SocketAddr, number: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\n\
        Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    send(&mut stream, &format!(r#"40{{"name":{number}}}"#)).await;
    send(&mut stream, r#"420["hello"]"#).await;
    let mut received = Vec::new();
    let answer = br#"430["hello"]"#;
    while !received.windows(answer.len()).any(|it| it == answer) {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "hung up");
    }
    stream
}

/// Sends a short text.
async fn send(stream: &mut TcpStream, text: &str) {
    let length = u8::try_from(text.len()).unwrap();
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend(text.bytes());
    stream.write_all(&frame).await.unwrap();
}

fn resident_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.unwrap().split_whitespace().next().unwrap();
    kibibytes.parse().unwrap()
}
