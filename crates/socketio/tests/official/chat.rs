//! The application that the stories talk to.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use serde_json::{Value, json, value::RawValue};
use socketio::{
    Admission, Args, ConnectError, DisconnectReason, Event, Handler, Handshake, Message, Server,
    Socket,
};
use tokio::time::sleep;

/// How long it waits for the answer of a client.
const PATIENCE: Duration = Duration::from_millis(200);

/// Every event of the stories has its place in [`Chat::event`].
#[derive(Clone, Default)]
pub(crate) struct Chat {
    server: Arc<OnceLock<Server<Chat>>>,
    /// Who has left, and why.
    pub(crate) partings: Arc<Mutex<Vec<(String, DisconnectReason)>>>,
}

/// What it knows of a socket.
pub(crate) struct Guest {
    name: String,
    color: Option<String>,
    counted: Mutex<Vec<u64>>,
}

impl Chat {
    /// Lets it speak to others than who speaks to it.
    pub(crate) fn begin(&self, server: Server<Self>) {
        assert!(self.server.set(server).is_ok(), "it has begun");
    }

    fn server(&self) -> &Server<Self> {
        self.server.get().expect("it has begun")
    }

    async fn publish(&self, args: &Args) {
        let log: String = args.get(0).unwrap();
        let event = Message::event(&args.get::<String>(1).unwrap());
        let event = event.with(&args.get::<Value>(2).unwrap()).unwrap();
        let feeds = self.server().feeds().expect("there is a log");
        feeds.publish(&log, &event, None, None).await.unwrap();
    }
}

impl Handler for Chat {
    type Data = Guest;

    async fn authenticate(&self, handshake: Handshake) -> Result<Admission<Guest>, ConnectError> {
        let auth = handshake.auth.as_ref();
        let said = |key: &str| auth?.get(key)?.as_str().map(str::to_owned);
        if said("token").as_deref() != Some("good") {
            return Err(ConnectError {
                message: "not authorized".to_owned(),
                data: Some(json!({ "code": "invalid_token", "hint": "\u{2028}ünï" })),
            });
        }
        let name = said("name").unwrap_or_default();
        Ok(Admission {
            rooms: vec![format!("user:{name}")],
            log: said("log"),
            data: Guest {
                name,
                color: handshake.query("color").map(Into::into),
                counted: Mutex::default(),
            },
        })
    }

    async fn connected(&self, socket: &Socket<Guest>) {
        let welcome = json!({
            "id": socket.id().to_string(),
            "name": socket.data().name,
            "color": socket.data().color,
            "recovered": socket.recovered(),
        });
        socket.emit(&Message::event("welcome").with(&welcome).unwrap());
    }

    async fn event(&self, socket: &Socket<Guest>, event: Event) {
        let Event { name, args, ack } = event;
        let text = |index| args.get::<String>(index).unwrap();
        let number = |index| args.get::<u64>(index).unwrap();
        let answer = match name.as_str() {
            "who" => Message::answer().with(&socket.data().name).unwrap(),
            "echo" => Message::answer().with(&all(&args)).unwrap(),
            "send back" => {
                let raw = (0..args.len()).map(|index| raw(&args, index));
                let back = Message::event("back");
                let back = raw.fold(back, |back, argument| back.with(&argument).unwrap());
                return socket.emit(&back);
            }
            "ask me" => {
                let question = Message::event("question").with(&number(0)).unwrap();
                match socket.emit_with_ack(&question, PATIENCE).await {
                    Ok(answer) => Message::answer().with(&all(&answer)).unwrap(),
                    Err(error) => Message::answer().with(&error.to_string()).unwrap(),
                }
            }
            "ask for bytes" => {
                let question = Message::event("question").with(&0).unwrap();
                bytes(&socket.emit_with_ack(&question, PATIENCE).await.unwrap())
            }
            "bytes" => bytes(&args),
            "bytes between" => {
                let between = Message::event("between");
                socket.emit(&Message::event("before").with(&1).unwrap());
                socket.emit(&between.with_binary(args.attachments()[0].clone()));
                socket.emit(&Message::event("after").with(&2).unwrap());
                return;
            }
            "join" => {
                socket.join(&text(0));
                Message::answer()
            }
            "leave" => {
                socket.leave(&text(0));
                Message::answer()
            }
            "say" => {
                let said = Message::event("said").with(&text(1)).unwrap();
                let room = text(0);
                let others = self.server().to(&room).except(socket.id());
                Message::answer().with(&others.emit(&said)).unwrap()
            }
            "type" => {
                for n in 0..number(1) {
                    let typing = Message::event("typing").with(&n).unwrap();
                    self.server().to(&text(0)).volatile().emit(&typing);
                }
                Message::answer()
            }
            "count" => {
                let n = number(0);
                // Long enough for others to overtake, if they could.
                match n % 3 {
                    0 => sleep(Duration::from_micros(n % 7 * 50)).await,
                    1 => tokio::task::yield_now().await,
                    _ => {}
                }
                socket.data().counted.lock().unwrap().push(n);
                Message::answer().with(&n).unwrap()
            }
            "counted" => {
                let counted = socket.data().counted.lock().unwrap().clone();
                Message::answer().with(&counted).unwrap()
            }
            "burst" => {
                for n in 0..number(0) {
                    socket.emit(&Message::event("item").with(&n).unwrap());
                }
                return;
            }
            "publish" => {
                self.publish(&args).await;
                Message::answer()
            }
            "send me away" => return socket.disconnect(),
            "close me" => return socket.close(DisconnectReason::TransportClose),
            "tell me and send me away" => {
                socket.emit(&Message::event("last words").with("farewell").unwrap());
                return socket.disconnect();
            }
            // Nobody answers what nobody knows.
            _ => return,
        };
        if let Some(ack) = ack {
            ack.send_all(&answer);
        }
    }

    async fn disconnected(&self, socket: &Socket<Guest>, reason: DisconnectReason) {
        let parting = (socket.data().name.clone(), reason);
        self.partings.lock().unwrap().push(parting);
    }
}

/// An argument as it came.
fn raw(args: &Args, index: usize) -> Box<RawValue> {
    let raw = args.raw(index).expect("an argument");
    RawValue::from_string(raw.to_owned()).unwrap()
}

/// All arguments as they came, as one list.
fn all(args: &Args) -> Vec<Box<RawValue>> {
    (0..args.len()).map(|index| raw(args, index)).collect()
}

/// The JSON of all arguments as a text, then the attachments.
fn bytes(args: &Args) -> Message {
    let text = serde_json::to_string(&all(args)).unwrap();
    let answer = Message::answer().with(&text).unwrap();
    let attachments = args.attachments().iter().cloned();
    attachments.fold(answer, Message::with_binary)
}
