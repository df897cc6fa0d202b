//! The client's side of RFC 6455, as far as a test client needs it.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// Any key will do: masking is against proxies, and here are none that mind.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// In the place of a length, what kind of length follows; and that the payload is masked.
const MEDIUM: u8 = 126;
const LONG: u8 = 127;
const MASKED: u8 = 0x80;

/// A message.
pub(super) enum Frame {
    Text(String),
    Close,
}

impl Frame {
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Close => None,
        }
    }
}

pub(super) struct Reader(BufReader<OwnedReadHalf>);

pub(super) struct Writer(OwnedWriteHalf);

/// Opens a WebSocket; the status if the server has another answer, and nothing if it has none.
pub(super) async fn open(
    address: SocketAddr,
    target: &str,
    headers: &[(&'static str, String)],
) -> Result<(Reader, Writer), Option<u16>> {
    let stream = TcpStream::connect(address).await.or(Err(None))?;
    let _ = stream.set_nodelay(true);
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    let more = headers.iter().fold(String::new(), |more, (name, value)| {
        format!("{more}{name}: {value}\r\n")
    });
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    );
    writing.write_all(request.as_bytes()).await.or(Err(None))?;
    let mut status = None;
    loop {
        let mut line = String::new();
        let length = reading.read_line(&mut line).await.or(Err(None))?;
        if status.is_none() {
            let word = line.split(' ').nth(1).ok_or(None)?;
            status = Some(word.parse::<u16>().expect("a status"));
        }
        if length == 0 || line == "\r\n" {
            break;
        }
    }
    match status {
        Some(101) => Ok((Reader(reading), Writer(writing))),
        other => Err(other),
    }
}

impl Reader {
    /// The next message; nothing at the end of the connection.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).await.ok()?;
            let length = match head[1] {
                MEDIUM => u64::from(self.0.read_u16().await.ok()?),
                LONG => self.0.read_u64().await.ok()?,
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).expect("a length")];
            self.0.read_exact(&mut payload).await.ok()?;
            match head[0] {
                0x81 => return Some(Frame::Text(String::from_utf8(payload).expect("UTF-8"))),
                0x88 => return Some(Frame::Close),
                // The Socket.IO server has its own.
                0x89 | 0x8a => {}
                other => panic!("an unexpected frame: {other:#x}"),
            }
        }
    }
}

impl Writer {
    /// Sends `text`, unless the connection is gone.
    pub(super) async fn text(&mut self, text: &str) {
        let mut frame = vec![0x81];
        let length = text.len();
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..126), _) => frame.push(MASKED | short),
            (_, Ok(medium)) => {
                frame.push(MASKED | MEDIUM);
                frame.extend(medium.to_be_bytes());
            }
            _ => {
                frame.push(MASKED | LONG);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(KEY);
        let keys = KEY.into_iter().cycle();
        frame.extend(text.bytes().zip(keys).map(|(byte, key)| byte ^ key));
        let _ = self.0.write_all(&frame).await;
    }

    pub(super) async fn shut_down(&mut self) {
        let _ = self.0.shutdown().await;
    }
}
