use std::{io, net::SocketAddr};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::SOON;

/// A client connection that says exactly what it is told.
pub(crate) struct Raw {
    stream: BufReader<TcpStream>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.expect("a connection"))
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes).await.expect("the gateway reads");
    }

    pub(crate) async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        timeout(SOON, self.stream.get_mut().write_all(bytes.as_ref()))
            .await
            .expect("the gateway reads in time")
    }

    /// Writes without giving anybody else on this thread a turn.
    pub(crate) fn write_at_once(&self, bytes: &str) {
        let written = self.stream.get_ref().try_write(bytes.as_bytes());
        assert_eq!(written.unwrap(), bytes.len());
    }

    /// Reads one answer; panics when there is none.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("a complete answer")
    }

    pub(crate) async fn try_answer(&mut self) -> io::Result<Answer> {
        timeout(SOON, self.read_answer(true))
            .await
            .expect("an answer in time")
    }

    /// Reads the answer to a request whose answers have no body.
    pub(crate) async fn answer_without_body(&mut self) -> Answer {
        let answer = timeout(SOON, self.read_answer(false)).await;
        answer
            .expect("an answer in time")
            .expect("a complete answer")
    }

    async fn read_answer(&mut self, may_have_body: bool) -> io::Result<Answer> {
        let head = self.read_until("\r\n\r\n").await?;
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: String::new(),
        };
        let has_body = may_have_body && !matches!(status, 100 | 101 | 204 | 304);
        if !has_body {
            return Ok(answer);
        }
        if answer.header("transfer-encoding").is_some() {
            loop {
                let size = self.read_until("\r\n").await?;
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                let chunk = self.read_exactly(size).await?;
                self.read_until("\r\n").await?;
                if size == 0 {
                    return Ok(answer);
                }
                answer.body.push_str(&chunk);
            }
        }
        match answer.header("content-length").map(str::to_owned) {
            Some(length) => answer.body = self.read_exactly(length.parse().unwrap()).await?,
            None => {
                self.stream.read_to_string(&mut answer.body).await?;
            }
        }
        Ok(answer)
    }

    async fn read_exactly(&mut self, size: usize) -> io::Result<String> {
        let mut bytes = vec![0; size];
        self.stream.read_exact(&mut bytes).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn read_until(&mut self, end: &str) -> io::Result<String> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            bytes.push(self.stream.read_u8().await?);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Everything that still comes, and how it ended.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, io::Result<()>) {
        let mut rest = Vec::new();
        let ended = timeout(SOON, self.stream.read_to_end(&mut rest))
            .await
            .expect("the gateway closes");
        (rest, ended.map(|_| ()))
    }

    /// Waits until the gateway has closed in order, having said nothing more.
    pub(crate) async fn closed(&mut self) {
        let (rest, ended) = self.rest().await;
        assert_eq!(String::from_utf8_lossy(&rest), "");
        ended.expect("an orderly end");
    }

    /// Whether the connection is open and silent.
    pub(crate) fn is_open(&self) -> bool {
        matches!(
            self.stream.get_ref().try_read(&mut [0; 1]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock
        )
    }

    /// The connection after a change of protocol, with what was read of it already.
    pub(crate) fn into_socket(self) -> BufReader<TcpStream> {
        self.stream
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn says_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The code of a refusal, after making sure that it is a whole one.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let document = self.json();
        assert_eq!(document["status"], self.status, "{self:?}");
        assert_eq!(document["type"], "about:blank", "{self:?}");
        assert_eq!(document["errors"], serde_json::json!([]), "{self:?}");
        assert_eq!(
            document["request_id"].as_str(),
            self.header("x-request-id"),
            "{self:?}"
        );
        for text in ["title", "detail", "instance"] {
            assert!(
                document[text].as_str().is_some_and(|text| !text.is_empty()),
                "{self:?}"
            );
        }
        assert!(self.header("x-content-type-options").is_some(), "{self:?}");
        document["code"].as_str().unwrap().to_owned()
    }
}

/// The header of an echoed request, if there was exactly one.
pub(crate) fn echoed(echo: &Value, name: &str) -> Option<String> {
    let headers = echo["headers"].as_array().unwrap();
    let mut values = headers.iter().filter(|header| header[0] == name);
    let value = values.next()?;
    assert!(values.next().is_none(), "more than one {name}: {echo}");
    Some(value[1].as_str().unwrap().to_owned())
}
