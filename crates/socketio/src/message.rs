//! What a server sends.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Args, args::Placeholder, frame::Frame};

/// An event, or an answer, on its way to clients. It is encoded once, however many get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// An array.
    json: String,
    attachments: Vec<Bytes>,
}

/// Why something cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// It cannot be written as JSON, e.g. a map whose keys are no strings.
    #[error("an argument cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// What an event log keeps is JSON, without attachments.
    #[error("an event with binary attachments cannot be kept in an event log")]
    Attachments,
    /// What was kept is not an event.
    #[error("this is not an event")]
    NotAnEvent(#[source] serde_json::Error),
}

impl Message {
    /// An event without arguments. Clients refuse the names that their own events have: `connect`,
    /// `connect_error`, `disconnect`, `disconnecting`, `newListener`, `removeListener`.
    #[must_use]
    pub fn event(name: &str) -> Self {
        Self::of(Value::from([name]).to_string())
    }

    /// An answer without arguments, for [`crate::Ack::send_all`].
    #[must_use]
    pub fn answer() -> Self {
        Self::of("[]".to_owned())
    }

    fn of(json: String) -> Self {
        Self {
            json,
            attachments: Vec::new(),
        }
    }

    /// An event as [`Message::args_json`] wrote it.
    pub(crate) fn from_json(mut json: String) -> Result<Self, EncodeError> {
        Args::check_event(&json).map_err(EncodeError::NotAnEvent)?;
        json.truncate(json.trim_end().len());
        Ok(Self::of(json))
    }

    /// Adds an argument.
    pub fn with<T: Serialize + ?Sized>(mut self, argument: &T) -> Result<Self, EncodeError> {
        let argument = serde_json::to_string(argument).map_err(EncodeError::Json)?;
        self.push(&argument);
        Ok(self)
    }

    /// Adds an argument of bytes.
    #[must_use]
    pub fn with_binary(mut self, attachment: Bytes) -> Self {
        let placeholder = Placeholder::of(self.attachments.len());
        self.push(&json!(placeholder).to_string());
        self.attachments.push(attachment);
        self
    }

    fn push(&mut self, argument: &str) {
        self.json.pop();
        if self.json.len() > 1 {
            self.json.push(',');
        }
        self.json.push_str(argument);
        self.json.push(']');
    }

    /// The event as an event log keeps it.
    pub(crate) fn args_json(&self) -> Result<&str, EncodeError> {
        if self.attachments.is_empty() {
            Ok(&self.json)
        } else {
            Err(EncodeError::Attachments)
        }
    }

    /// The event, which nobody has to answer.
    pub(crate) fn encode(&self) -> Encoded {
        self.encode_as(["42", "45"], &[&self.json])
    }

    /// The event, which the client is to answer with `id`.
    pub(crate) fn encode_asking(&self, id: u64) -> Encoded {
        self.encode_as(["42", "45"], &[&id.to_string(), &self.json])
    }

    /// The event with its place in an event log as the last argument, where official clients look
    /// for it and leave it out.
    pub(crate) fn encode_with_offset(&self, offset: &str) -> Encoded {
        let arguments = self.json.strip_suffix(']').unwrap_or(&self.json);
        let offset = Value::from(offset).to_string();
        self.encode_as(["42", "45"], &[arguments, ",", &offset, "]"])
    }

    /// The answer to the event that came with `id`.
    pub(crate) fn encode_ack(&self, id: u64) -> Encoded {
        self.encode_as(["43", "46"], &[&id.to_string(), &self.json])
    }

    fn encode_as(&self, [text, binary]: [&str; 2], rest: &[&str]) -> Encoded {
        let count = format!("{}-", self.attachments.len());
        let kind: &[&str] = if self.attachments.is_empty() {
            &[text]
        } else {
            &[binary, &count]
        };
        Encoded {
            text: Frame::text_of(&[kind, rest].concat()),
            attachments: self
                .attachments
                .iter()
                .map(|bytes| Frame::binary(bytes))
                .collect(),
        }
    }
}

/// A Socket.IO packet as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    text: Frame,
    attachments: Box<[Frame]>,
}

impl Encoded {
    /// All of it in its order; nothing of the same socket may come between.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &Frame> {
        std::iter::once(&self.text).chain(&self.attachments)
    }
}

/// Tells a client that it is connected: the id of its socket and, if it may come back to what it
/// missed, the secret by which it does.
pub(crate) fn connect_packet(sid: &str, pid: Option<&str>) -> Frame {
    let payload = match pid {
        Some(pid) => json!({"sid": sid, "pid": pid}),
        None => json!({"sid": sid}),
    };
    Frame::text(format!("40{payload}"))
}

/// Tells a client that it is not connected to `namespace`, which is `/` for the main one.
pub(crate) fn connect_error(namespace: &str, message: &str, data: Option<&Value>) -> Frame {
    let payload = match data {
        Some(data) => json!({"message": message, "data": data}),
        None => json!({"message": message}),
    };
    match namespace {
        "/" => Frame::text(format!("44{payload}")),
        other => Frame::text(format!("44{other},{payload}")),
    }
}

/// Tells a client that it is no longer connected, and has to stay away.
pub(crate) fn disconnect_packet() -> Frame {
    Frame::text("41")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(packet: &Encoded) -> Vec<String> {
        let text = |frame: &Frame| String::from_utf8(frame.payload().to_vec()).unwrap();
        packet.frames().map(text).collect()
    }

    #[test]
    fn events_and_answers_are_written_as_the_protocol_says() {
        let event = Message::event("hello").with("foo").unwrap();
        assert_eq!(texts(&event.encode()), [r#"42["hello","foo"]"#]);
        assert_eq!(texts(&event.encode_asking(12)), [r#"4212["hello","foo"]"#]);
        assert_eq!(texts(&Message::event("x").encode()), [r#"42["x"]"#]);
        let answer = Message::answer();
        assert_eq!(texts(&answer.encode_ack(7)), ["437[]"]);
        let numbers = answer.clone().with(&1).unwrap().with(&2).unwrap();
        assert_eq!(texts(&numbers.encode_ack(7)), ["437[1,2]"]);
        let answer = answer.with(&json!({"ok": true})).unwrap().with(&1).unwrap();
        assert_eq!(texts(&answer.encode_ack(7)), [r#"437[{"ok":true},1]"#]);
    }

    #[test]
    fn attachments_follow_their_packet() {
        let event = Message::event("baz")
            .with_binary(Bytes::from_static(b"one"))
            .with(&0)
            .unwrap()
            .with_binary(Bytes::from_static(b"two"));
        let encoded = event.encode_asking(3);
        let expected =
            r#"452-3["baz",{"_placeholder":true,"num":0},0,{"_placeholder":true,"num":1}]"#;
        assert_eq!(texts(&encoded), [expected, "one", "two"]);
        let binary: Vec<_> = encoded.frames().map(Frame::is_binary).collect();
        assert_eq!(binary, [false, true, true]);
        assert!(matches!(event.args_json(), Err(EncodeError::Attachments)));
        let answer = Message::answer().with_binary(Bytes::from_static(b"x"));
        assert_eq!(
            texts(&answer.encode_ack(9)),
            [r#"461-9[{"_placeholder":true,"num":0}]"#, "x"]
        );
    }

    #[test]
    fn an_event_comes_back_from_the_log_with_its_offset() {
        let event = Message::event("note").with("\u{1e}\n\"").unwrap();
        let kept = event.args_json().unwrap().to_owned();
        let event = Message::from_json(kept + " ").unwrap();
        assert_eq!(
            texts(&event.encode_with_offset("7:9")),
            [r#"42["note","\u001e\n\"","7:9"]"#]
        );
    }

    #[test]
    fn what_is_no_event_does_not_come_back_from_the_log() {
        for json in ["", "[]", "{}", "[1]", r#"["a""#, r#"["a"] ["b"]"#, "null"] {
            assert!(Message::from_json(json.to_owned()).is_err(), "{json}");
        }
    }

    #[test]
    fn what_json_cannot_say_is_an_error() {
        let map = std::collections::HashMap::from([((1, 2), 3)]);
        let error = Message::event("x").with(&map).unwrap_err();
        assert!(matches!(error, EncodeError::Json(_)));
    }

    #[test]
    fn packets_about_the_connection_are_written_as_the_protocol_says() {
        let text = |frame: &Frame| String::from_utf8(frame.payload().to_vec()).unwrap();
        assert_eq!(text(&connect_packet("a", None)), r#"40{"sid":"a"}"#);
        assert_eq!(
            text(&connect_packet("a", Some("b"))),
            r#"40{"pid":"b","sid":"a"}"#
        );
        assert_eq!(
            text(&connect_error("/", "no", None)),
            r#"44{"message":"no"}"#
        );
        let data = json!({"code": "expired"});
        assert_eq!(
            text(&connect_error("/admin", "no", Some(&data))),
            r#"44/admin,{"data":{"code":"expired"},"message":"no"}"#
        );
        assert_eq!(text(&disconnect_packet()), "41");
    }
}
