//! An application that sends back what it gets.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{json, value::RawValue};
use socketio::{
    Admission, Args, ConnectError, DisconnectReason, Event, Handler, Handshake, Message, Socket,
    Verdict,
};
use tokio::sync::Semaphore;

#[derive(Clone)]
pub(crate) struct Echo {
    pub(crate) partings: Arc<Mutex<Vec<(String, DisconnectReason)>>>,
    /// The names of the events that were handled.
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
    /// What an event named `hold` waits for.
    pub(crate) release: Arc<Semaphore>,
}

impl Default for Echo {
    fn default() -> Self {
        Self {
            partings: Arc::default(),
            heard: Arc::default(),
            release: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Handler for Echo {
    /// The `name` that the client has shown.
    type Data = String;

    async fn authenticate(&self, handshake: Handshake) -> Result<Admission<String>, ConnectError> {
        let auth = handshake.auth.unwrap_or_default();
        if let Some(reason) = auth["refuse"].as_str() {
            return Err(ConnectError {
                message: reason.to_owned(),
                data: Some(json!({ "code": "refused" })),
            });
        }
        Ok(Admission {
            data: auth["name"].as_str().unwrap_or_default().to_owned(),
            rooms: auth["room"]
                .as_str()
                .map(str::to_owned)
                .into_iter()
                .collect(),
            log: auth["log"].as_str().map(str::to_owned),
        })
    }

    async fn connected(&self, _socket: &Socket<String>) {}

    fn admit(&self, _socket: &Socket<String>, event: &str, _bytes: usize) -> Verdict {
        match event {
            "refuse me" => Verdict::Refuse(json!("too much")),
            "disconnect me" => Verdict::Disconnect,
            _ => Verdict::Handle,
        }
    }

    async fn event(&self, socket: &Socket<String>, event: Event) {
        self.heard.lock().unwrap().push(event.name.clone());
        match event.name.as_str() {
            "panic" => panic!("as it was told"),
            "hold" => self.release.acquire().await.unwrap().forget(),
            "ask" => {
                let question = Message::event("question");
                let answer = socket
                    .emit_with_ack(&question, Duration::from_secs(10))
                    .await;
                let answer = answer.unwrap();
                socket.emit(&repeated(Message::event("answer"), &answer));
            }
            _ => {
                socket.emit(&repeated(Message::event(&event.name), &event.args));
                if let Some(ack) = event.ack {
                    ack.send_all(&repeated(Message::answer(), &event.args));
                }
            }
        }
    }

    async fn disconnected(&self, socket: &Socket<String>, reason: DisconnectReason) {
        let parting = (socket.data().clone(), reason);
        self.partings.lock().unwrap().push(parting);
    }
}

/// `message` with the same arguments; with attachments, these alone.
fn repeated(mut message: Message, args: &Args) -> Message {
    if args.attachments().is_empty() {
        for index in 0..args.len() {
            let argument: Box<RawValue> = args.get(index).unwrap();
            message = message.with(&argument).unwrap();
        }
    }
    args.attachments()
        .iter()
        .fold(message, |message, bytes| message.with_binary(bytes.clone()))
}
