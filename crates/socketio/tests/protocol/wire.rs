//! A connection, byte by byte.

use std::{fmt::Write, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// For anything that a server does on a machine that is busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// All of it, in lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// The `code` of a refusal by Engine.IO.
    pub(crate) fn code(&self) -> Option<u64> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        body["code"].as_u64()
    }
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// False when the connection has ended.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Says that nothing more is sent, but goes on reading.
    pub(crate) async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next `count` bytes, or None if the connection ends before.
    pub(crate) async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.read.len() < count {
            if self.more().await == 0 {
                return None;
            }
        }
        Some(self.read.drain(..count).collect())
    }

    async fn more(&mut self) -> usize {
        let reading = self.stream.read_buf(&mut self.read);
        let read = timeout(LIMIT, reading).await.expect("the server answers");
        // A reset is an end as well.
        let read = read.unwrap_or_default();
        if read == 0 {
            // The server waits for that.
            let _ = self.stream.shutdown().await;
        }
        read
    }

    /// Sends a request and waits for the answer.
    pub(crate) async fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.ask(method, target, headers, body).await;
        self.answer().await
    }

    pub(crate) async fn ask(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) {
        self.send(&request(method, target, headers, body)).await;
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            assert_ne!(
                self.more().await,
                0,
                "the connection ended without an answer"
            );
        };
        let head = String::from_utf8(self.take(end).await.unwrap()).unwrap();
        let head = head.to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            body: self.take(length).await.unwrap(),
            head,
        }
    }
}

/// A request as it is sent.
pub(crate) fn request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: server\r\n");
    if method == "POST" {
        write!(head, "content-length: {}\r\n", body.len()).unwrap();
    }
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}
