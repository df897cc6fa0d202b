mod websocket;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinHandle,
    time::timeout,
};

use self::websocket::{Frame, Reader, Writer};

/// Long enough for anything that is going to be said.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a [`Socket`] can be had, and what is shown there besides its token.
#[derive(Clone)]
pub struct SocketDoor {
    address: SocketAddr,
    headers: Vec<(&'static str, String)>,
    query: String,
}

/// A Socket.IO client over WebSocket, which reads the protocol for itself: what it is told it
/// keeps in order, and it comes back only when it is told to.
pub struct Socket {
    /// Its id; the same one again when it was recovered.
    pub id: String,
    /// Whether it got what it missed while it was away.
    pub recovered: bool,
    pid: Option<String>,
    offset: Option<String>,
    heard: mpsc::UnboundedReceiver<Heard>,
    writer: Arc<Mutex<Writer>>,
    reader: JoinHandle<()>,
    asked: u64,
    answers: HashMap<u64, Vec<Value>>,
}

/// What a socket is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// An event and its arguments, the offset behind them taken away.
    Event(String, Vec<Value>),
    /// The answer to an event of its own.
    Answer(u64, Vec<Value>),
    /// Goodbye: official clients do not come back by themselves.
    Disconnected,
    /// The end of the connection: official clients come back.
    Closed,
}

impl SocketDoor {
    /// The Socket.IO server at `address`.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            headers: Vec::new(),
            query: String::new(),
        }
    }

    /// The same with a header on the handshake.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same with a pair in the query of the handshake.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        self.query = format!("{}&{name}={value}", self.query);
        self
    }

    /// Connects with a token that must be accepted.
    pub async fn connect(&self, token: &str) -> Socket {
        let connected = self.try_connect(&json!({ "token": token })).await;
        connected.unwrap_or_else(|refused| panic!("refused: {refused}"))
    }

    /// Connects with `auth`. A refusal is the `data` of the `connect_error`, or `{"http": status}`,
    /// or `null` if there was no answer.
    pub async fn try_connect(&self, auth: &Value) -> Result<Socket, Value> {
        let attempt = timeout(PATIENCE, self.attempt(auth)).await;
        attempt.unwrap_or(Err(Value::Null))
    }

    async fn attempt(&self, auth: &Value) -> Result<Socket, Value> {
        let target = format!("/socket.io/?EIO=4&transport=websocket{}", self.query);
        let opened = websocket::open(self.address, &target, &self.headers).await;
        let (mut reader, mut writer) = match opened {
            Ok(opened) => opened,
            Err(Some(status)) => return Err(json!({ "http": status })),
            Err(None) => return Err(Value::Null),
        };
        let open = reader
            .next()
            .await
            .and_then(Frame::text)
            .ok_or(Value::Null)?;
        assert!(open.starts_with("0{"), "not an open packet: {open}");
        writer.text(&format!("40{auth}")).await;
        let answer = loop {
            let text = reader
                .next()
                .await
                .and_then(Frame::text)
                .ok_or(Value::Null)?;
            if text == "2" {
                writer.text("3").await;
            } else {
                break text;
            }
        };
        let parse = |text: &str| -> Value { serde_json::from_str(text).expect("JSON") };
        if let Some(refusal) = answer.strip_prefix("44") {
            return Err(parse(refusal)["data"].clone());
        }
        let connected = parse(answer.strip_prefix("40").expect("a CONNECT packet"));
        let word = |name: &str| connected[name].as_str().map(str::to_owned);
        let (pid, shown) = (word("pid"), auth["pid"].as_str());
        let recovered = shown.is_some() && pid.as_deref() == shown;
        let (tell, heard) = mpsc::unbounded_channel();
        let writer = Arc::new(Mutex::new(writer));
        let offset = auth["offset"].as_str().filter(|_| recovered);
        Ok(Socket {
            id: word("sid").expect("the id of a socket"),
            recovered,
            pid,
            offset: offset.map(str::to_owned),
            heard,
            reader: tokio::spawn(read(reader, Arc::clone(&writer), tell)),
            writer,
            asked: 0,
            answers: HashMap::new(),
        })
    }
}

impl Socket {
    /// What it is told next; panics when that is nothing for 20 seconds.
    pub async fn next(&mut self) -> Heard {
        let heard = self.next_within(PATIENCE).await;
        heard.expect("something to be heard")
    }

    /// What it is told within `limit`.
    pub async fn next_within(&mut self, limit: Duration) -> Option<Heard> {
        let started = Instant::now();
        loop {
            let left = limit.saturating_sub(started.elapsed());
            let heard = timeout(left, self.heard.recv()).await.ok()?;
            match heard.unwrap_or(Heard::Closed) {
                Heard::Answer(id, answer) => {
                    self.answers.insert(id, answer);
                }
                Heard::Event(name, mut args) => {
                    if self.pid.is_some() && args.last().is_some_and(is_offset) {
                        self.offset = args.pop().and_then(|it| it.as_str().map(str::to_owned));
                    }
                    return Some(Heard::Event(name, args));
                }
                end => return Some(end),
            }
        }
    }

    /// The payload of the next event, which must be called `name`.
    pub async fn expect(&mut self, name: &str) -> Value {
        match self.next().await {
            Heard::Event(heard, mut args) if heard == name && args.len() == 1 => args.remove(0),
            other => panic!("{name} was expected, and heard was {other:?}"),
        }
    }

    /// Waits for its end, whatever comes before.
    pub async fn end(&mut self) -> Heard {
        loop {
            let heard = self.next().await;
            if matches!(heard, Heard::Disconnected | Heard::Closed) {
                return heard;
            }
        }
    }

    /// Emits an event and waits for the answer, keeping what is heard before it.
    pub async fn ask(&mut self, event: &str, payload: &Value) -> Value {
        let id = self.asked;
        self.asked += 1;
        let packet = json!([event, payload]);
        self.writer
            .lock()
            .await
            .text(&format!("42{id}{packet}"))
            .await;
        let waited = async {
            loop {
                if let Some(mut answer) = self.answers.remove(&id) {
                    return answer.remove(0);
                }
                match self.heard.recv().await {
                    Some(Heard::Answer(id, answer)) => {
                        self.answers.insert(id, answer);
                    }
                    other => panic!("an answer was expected, and heard was {other:?}"),
                }
            }
        };
        timeout(PATIENCE, waited).await.expect("an answer")
    }

    /// Cuts the connection, as a tunnel does to a phone.
    pub async fn cut(&self) {
        self.writer.lock().await.shut_down().await;
    }

    /// What it shows when it comes back, for [`SocketDoor::try_connect`].
    #[must_use]
    pub fn return_ticket(&self, token: &str) -> Value {
        let mut auth = json!({ "token": token });
        if let Some(pid) = &self.pid {
            auth["pid"] = json!(pid);
            auth["offset"] = json!(self.offset);
        }
        auth
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The way in which the server writes offsets; no payload of these tests looks so.
fn is_offset(argument: &Value) -> bool {
    let text = argument.as_str().and_then(|it| it.split_once(':'));
    text.is_some_and(|(epoch, position)| {
        let is_number = |it: &str| it.parse::<u64>().is_ok();
        is_number(epoch) && is_number(position)
    })
}

async fn read(mut reader: Reader, writer: Arc<Mutex<Writer>>, tell: mpsc::UnboundedSender<Heard>) {
    while let Some(frame) = reader.next().await {
        let Some(text) = frame.text() else { break };
        if text == "2" {
            writer.lock().await.text("3").await;
            continue;
        }
        let heard = match text.as_bytes() {
            [b'1'] => break,
            [b'4', b'1', ..] => Heard::Disconnected,
            [b'4', kind @ (b'2' | b'3'), ..] => {
                let (id, args) = text[2..].split_at(text[2..].find('[').expect("arguments"));
                let mut args: Vec<Value> = serde_json::from_str(args).expect("JSON");
                if *kind == b'3' {
                    Heard::Answer(id.parse().expect("an id"), args)
                } else {
                    let name = args.remove(0).as_str().expect("a name").to_owned();
                    Heard::Event(name, args)
                }
            }
            _ => panic!("an unexpected packet: {text}"),
        };
        // The test may not care any more.
        let _ = tell.send(heard);
    }
    let _ = tell.send(Heard::Closed);
}
