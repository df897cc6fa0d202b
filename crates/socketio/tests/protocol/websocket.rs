//! A client over a WebSocket, frame by frame.

use std::net::SocketAddr;

use crate::wire::{Answer, Wire};

pub(crate) const TARGET: &str = "/socket.io/?EIO=4&transport=websocket";
pub(crate) const UPGRADE: [(&str, &str); 4] = [
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// First bytes of frames: the last of a message, or one of those before it.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
pub(crate) const FIRST_TEXT: u8 = 0x01;
pub(crate) const MIDDLE: u8 = 0x00;
pub(crate) const LAST: u8 = 0x80;

pub(crate) struct WebSocket {
    pub(crate) wire: Wire,
}

impl WebSocket {
    /// A new session.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let mut websocket = Self::shake_hands(address, TARGET).await.unwrap();
        let open = websocket.next_text().await;
        assert!(open.starts_with("0{"), "{open}");
        websocket
    }

    /// Whatever `target` makes of the connection.
    pub(crate) async fn shake_hands(address: SocketAddr, target: &str) -> Result<Self, Answer> {
        let mut wire = Wire::open(address).await;
        let answer = wire.request("GET", target, &UPGRADE, b"").await;
        if answer.status != 101 {
            return Err(answer);
        }
        assert!(
            answer
                .head
                .contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{}",
            answer.head
        );
        Ok(Self { wire })
    }

    /// Connects to the main namespace.
    pub(crate) async fn connect(&mut self, name: &str) {
        self.text(&format!(r#"40{{"name":"{name}"}}"#)).await;
        let connected = self.next_message().await;
        assert!(connected.starts_with(r#"40{"sid":""#), "{connected}");
    }

    /// Connects as `name` and is in the way of nobody.
    pub(crate) async fn connected(address: SocketAddr, name: &str) -> Self {
        let mut websocket = Self::open(address).await;
        websocket.connect(name).await;
        websocket
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.frame(TEXT, text.as_bytes()).await;
    }

    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) {
        self.wire.send(&frame(first, payload)).await;
    }

    /// The next frame: its first byte and its payload. None when the connection has ended.
    pub(crate) async fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let header = self.wire.take(2).await?;
        let length = match header[1] {
            126 => u64::from(u16::from_be_bytes(
                self.wire.take(2).await?.try_into().unwrap(),
            )),
            127 => u64::from_be_bytes(self.wire.take(8).await?.try_into().unwrap()),
            short => u64::from(short),
        };
        let payload = self.wire.take(usize::try_from(length).unwrap()).await?;
        Some((header[0], payload))
    }

    pub(crate) async fn next_text(&mut self) -> String {
        let (first, payload) = self.next_frame().await.expect("a message");
        assert_eq!(first, TEXT, "{payload:?}");
        String::from_utf8(payload).unwrap()
    }

    /// The next message that is no heartbeat; heartbeats are answered.
    pub(crate) async fn next_message(&mut self) -> String {
        loop {
            match self.next_text().await {
                ping if ping == "2" => self.text("3").await,
                message => return message,
            }
        }
    }

    /// Reads to the end of the connection: the code it was closed with, if it was.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some((first, payload)) = self.next_frame().await {
            if first == CLOSE {
                assert_eq!(code, None, "closed twice");
                code = Some(u16::from_be_bytes(payload[..2].try_into().unwrap()));
                // The server waits for this, then hangs up.
                self.wire.send(&frame(CLOSE, &payload[..2])).await;
            }
        }
        code
    }
}

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ ..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..=0xffff => {
            frame.push(0xfe);
            frame.extend(u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            frame.push(0xff);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    let mask = MASK.iter().cycle();
    frame.extend(payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    frame
}
