//! A connection that speaks as much Socket.IO as is needed, and holds next to
//! nothing: whoever opens tens of thousands shares the cores with what it
//! measures.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};

/// Room for a read; nothing larger is awaited.
const READ: usize = 4096;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// In the place of a length: it follows, in two bytes.
const LONG: u8 = 126;
/// Any will do; a client must have one.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n\
    Host: bench\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A client that is connected.
pub(super) struct Connection {
    stream: TcpStream,
    /// What was read and is no whole frame, or not yet asked for.
    received: Vec<u8>,
}

impl Connection {
    /// Connects from `source` to `server` with `token`, up to the answer to that.
    pub(super) async fn open(
        source: IpAddr,
        server: SocketAddr,
        token: &str,
    ) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        let stream = socket.connect(server).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let mut connection = Self {
            stream,
            received: Vec::new(),
        };
        connection.stream.write_all(UPGRADE.as_bytes()).await?;
        connection.read_head().await?;
        let open = connection.next().await?;
        ensure!(open.starts_with('0'), "not an opening: {open}");
        connection
            .send(&format!(r#"40{{"token":"{token}"}}"#))
            .await?;
        let answer = connection.next().await?;
        ensure!(answer.starts_with("40{"), "refused: {answer}");
        Ok(connection)
    }

    async fn read_head(&mut self) -> anyhow::Result<()> {
        loop {
            let end = self.received.windows(4).position(|it| it == b"\r\n\r\n");
            if let Some(end) = end {
                let head: Vec<u8> = self.received.drain(..end + 4).collect();
                let is_upgraded = head.starts_with(b"HTTP/1.1 101");
                ensure!(is_upgraded, "{}", String::from_utf8_lossy(&head));
                return Ok(());
            }
            self.read().await?;
        }
    }

    /// The next packet that is no heartbeat; those are answered. Can be dropped
    /// while it waits for something to read.
    pub(super) async fn next(&mut self) -> anyhow::Result<String> {
        loop {
            while let Some(text) = self.take_frame()? {
                if text == "2" {
                    self.send("3").await?;
                } else {
                    return Ok(text);
                }
            }
            self.read().await?;
        }
    }

    /// Sends a packet.
    pub(super) async fn send(&mut self, text: &str) -> anyhow::Result<()> {
        let mut frame = Vec::with_capacity(text.len() + 8);
        frame.push(FINAL | TEXT);
        if let Ok(length @ ..LONG) = u8::try_from(text.len()) {
            frame.push(MASKED | length);
        } else {
            frame.push(MASKED | LONG);
            frame.extend(u16::try_from(text.len())?.to_be_bytes());
        }
        frame.extend(MASK);
        let masked = text.bytes().zip(MASK.iter().cycle());
        frame.extend(masked.map(|(byte, mask)| byte ^ mask));
        Ok(self.stream.write_all(&frame).await?)
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        loop {
            self.stream.readable().await?;
            match read_into(&self.stream, &mut self.received) {
                Ok(0) => bail!("the server has hung up"),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The text of the first frame, once it is whole.
    fn take_frame(&mut self) -> anyhow::Result<Option<String>> {
        let Some((opcode, payload)) = whole_frame(&self.received)? else {
            return Ok(None);
        };
        ensure!(opcode == TEXT, "opcode {opcode}{}", closing(opcode));
        let end = payload.end;
        let text = self.received.get(payload).context("a frame")?;
        let text = std::str::from_utf8(text)?.to_owned();
        if end == self.received.len() {
            // What waits holds no memory.
            self.received = Vec::new();
        } else {
            self.received.drain(..end);
        }
        Ok(Some(text))
    }
}

fn closing(opcode: u8) -> &'static str {
    if opcode == CLOSE {
        ": the server has said goodbye"
    } else {
        ""
    }
}

/// Reads through a buffer of the stack, so that who waits holds none.
fn read_into(stream: &TcpStream, received: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut buffer = [0; READ];
    let length = stream.try_read(&mut buffer)?;
    received.extend_from_slice(buffer.get(..length).unwrap_or_default());
    Ok(length)
}

/// Opcode and place of the payload of the first frame, once it is whole.
fn whole_frame(bytes: &[u8]) -> anyhow::Result<Option<(u8, std::ops::Range<usize>)>> {
    let [first, length, rest @ ..] = bytes else {
        return Ok(None);
    };
    let (start, length) = match (length, rest) {
        (&LONG, [high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        (&LONG, _) => return Ok(None),
        (127.., _) => bail!("a frame larger than any that is awaited"),
        (length, _) => (2, usize::from(*length)),
    };
    let payload = start..start + length;
    Ok((bytes.len() >= payload.end).then_some((first & 0x0f, payload)))
}
