//! A client of HTTP/1.1 that costs next to nothing: what is sent was made
//! before, what comes is read no further than needed. It shares the cores with
//! what it measures.

use std::{fmt::Write as _, net::SocketAddr};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Most headers of an answer.
const HEADERS_MAX: usize = 48;
/// Room for a usual answer.
const USUAL_ANSWER: usize = 4096;

/// A request as it goes over the wire.
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// `method` on `path` with `headers` and a JSON body, which may be empty.
    pub(crate) fn new(method: &str, path: &str, headers: &[(&str, &str)], json: &str) -> Self {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n");
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if !json.is_empty() {
            text.push_str("Content-Type: application/json\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n{json}", json.len());
        Self(text.into_bytes())
    }
}

/// A connection that is kept between requests.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer<'a> {
    /// The status code.
    pub(crate) status: u16,
    /// The status line and the headers.
    pub(crate) head: &'a [u8],
    /// The body.
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Connects to `address`.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(USUAL_ANSWER),
        })
    }

    /// Sends `request` and waits for the whole answer.
    pub(crate) async fn exchange(&mut self, request: &Request) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(&request.0).await?;
        self.received.clear();
        let (status, body) = loop {
            let length = self.stream.read_buf(&mut self.received).await?;
            ensure!(length > 0, "the connection was closed before the answer");
            if let Some((status, body_start, body_length)) = parse_head(&self.received)? {
                let missing = (body_start + body_length).saturating_sub(self.received.len());
                let mut rest = (&mut self.stream).take(missing as u64);
                rest.read_to_end(&mut self.received).await?;
                break (status, body_start);
            }
        };
        let (head, body) = self.received.split_at_checked(body).unwrap_or_default();
        Ok(Answer { status, head, body })
    }
}

/// Status, where the body begins, and its length; nothing while the head is not complete.
fn parse_head(received: &[u8]) -> anyhow::Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body_start) = head.parse(received)? else {
        return Ok(None);
    };
    let status = head.code.context("an answer without a status")?;
    let length = head
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = match length {
        Some(header) => std::str::from_utf8(header.value)?.parse()?,
        None if status == 204 => 0,
        None => bail!("an answer without a length"),
    };
    Ok(Some((status, body_start, length)))
}

/// Sends one request on a connection of its own, and reads the JSON of the answer.
pub(crate) async fn ask(address: SocketAddr, request: &Request) -> anyhow::Result<Value> {
    let mut connection = Connection::open(address).await?;
    let answer = connection.exchange(request).await?;
    ensure!((200..300).contains(&answer.status), "{}", refusal(&answer));
    Ok(serde_json::from_slice(answer.body)?)
}

/// Tells an answer that was not wanted.
pub(crate) fn refusal(answer: &Answer<'_>) -> String {
    let body = String::from_utf8_lossy(answer.body);
    format!("answered {}: {body}", answer.status)
}
