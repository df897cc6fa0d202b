use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;
use testkit::eventually;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{Answer, Gateway, Raw, SOON};

/// A connection after its change of protocol.
pub(crate) type Socket = BufReader<TcpStream>;

/// Plays a replica of realtime: tells of a plain request what arrived, and
/// hands whoever wants to speak WebSocket to the test. `?behave=` asks for
/// something else.
pub(crate) struct Realtime {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    arrivals: Mutex<mpsc::UnboundedReceiver<Arrival>>,
}

/// A tunnel, at the service's end of it.
pub(crate) struct Arrival {
    pub(crate) head: Head,
    pub(crate) socket: Socket,
}

struct State {
    is_ready: AtomicBool,
    arrived: mpsc::UnboundedSender<Arrival>,
    crash: CancellationToken,
}

/// A request as it came.
pub(crate) struct Head(String);

impl Head {
    pub(crate) fn target(&self) -> &str {
        self.0.split(' ').nth(1).unwrap()
    }

    /// The value of a header, if there is exactly one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.0.lines().skip(1).filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        });
        let value = values.next()?;
        assert!(values.next().is_none(), "more than one {name}: {}", self.0);
        Some(value)
    }

    fn behaviour(&self) -> &str {
        let (_, behaviour) = self.target().split_once("behave=").unwrap_or_default();
        behaviour.split('&').next().unwrap()
    }
}

impl Realtime {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            is_ready: AtomicBool::new(true),
            arrived,
            crash: CancellationToken::new(),
        });
        let accepting = Arc::clone(&state);
        tokio::spawn(async move {
            let crashed = accepting.crash.clone();
            let accept = async {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(Arc::clone(&accepting).serve(stream));
                }
            };
            tokio::select! {
                () = accept => {}
                () = crashed.cancelled() => {}
            }
        });
        Self {
            address,
            state,
            arrivals: Mutex::new(arrivals),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on `/readyz` says so.
    pub(crate) fn set_ready(&self, is_ready: bool) {
        self.state.is_ready.store(is_ready, Ordering::SeqCst);
    }

    /// The process is gone; tunnels that were handed over are the test's to drop.
    pub(crate) async fn crash(&self) {
        self.state.crash.cancel();
        eventually(SOON, async || {
            TcpStream::connect(self.address).await.is_err()
        })
        .await;
    }

    /// The next tunnel.
    pub(crate) async fn arrival(&self) -> Arrival {
        let arrival = async { self.arrivals.lock().await.recv().await };
        timeout(SOON, arrival)
            .await
            .expect("a tunnel in time")
            .unwrap()
    }

    /// A tunnel through `gateway`: the client's end, and the service's.
    pub(crate) async fn tunnel(&self, gateway: &Gateway) -> (Socket, Socket) {
        let mut raw = Raw::connect(gateway.http).await;
        raw.write(upgrade("/socket.io/?EIO=4&transport=websocket"))
            .await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 101, "{answer:?}");
        (raw.into_socket(), self.arrival().await.socket)
    }
}

impl Answer {
    /// Of a replica that was not asked to change the protocol: its port, and how the ids
    /// of its sessions are to begin.
    pub(crate) fn replica(&self) -> (u64, String) {
        assert_eq!(self.status, 200, "{self:?}");
        let told = self.json();
        let tag = told["replica"].as_str().expect("a tag").to_owned();
        (told["port"].as_u64().unwrap(), tag)
    }
}

/// The bytes of an opening handshake.
pub(crate) fn upgrade(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

impl State {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut socket = BufReader::new(stream);
        let requests = async {
            while let Ok(head) = read_head(&mut socket).await {
                if head.header("upgrade") == Some("websocket")
                    && self.switches(&head, &mut socket).await
                {
                    return Some(head);
                }
                if head.header("upgrade").is_none() {
                    self.answer(&head, &mut socket).await.ok()?;
                }
            }
            None
        };
        let switched = tokio::select! {
            switched = requests => switched,
            () = self.crash.cancelled() => None,
        };
        if let Some(head) = switched {
            let _ = self.arrived.send(Arrival { head, socket });
        }
    }

    async fn switches(&self, head: &Head, socket: &mut Socket) -> bool {
        let answer = match head.behaviour() {
            "refuse" => {
                "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 7\r\nX-Anufy-Internal: 1\r\n\r\nnot now"
            }
            "refuse-chunked" => {
                "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n0\r\n\r\n"
            }
            "other" => {
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
            }
            "greet" => {
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello"
            }
            _ => {
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nServer: stub\r\nX-Anufy-Internal: 1\r\n\r\n"
            }
        };
        let is_written = socket.write_all(answer.as_bytes()).await.is_ok();
        is_written && answer.contains("websocket")
    }

    async fn answer(&self, head: &Head, socket: &mut Socket) -> io::Result<()> {
        if head.target() == "/readyz" {
            let status = if self.is_ready.load(Ordering::SeqCst) {
                "200 OK"
            } else {
                "503 Service Unavailable"
            };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            return socket.write_all(answer.as_bytes()).await;
        }
        if head.behaviour() == "wait" {
            return std::future::pending().await;
        }
        let length = head.header("content-length").unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        socket.read_exact(&mut body).await?;
        let told = json!({
            "port": socket.get_ref().local_addr()?.port(),
            "replica": head.header("x-anufy-replica"),
            "target": head.target(),
            "body_length": body.len(),
        })
        .to_string();
        let length = told.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{told}");
        socket.write_all(answer.as_bytes()).await
    }
}

async fn read_head(socket: &mut Socket) -> io::Result<Head> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    Ok(Head(String::from_utf8(head).unwrap()))
}
