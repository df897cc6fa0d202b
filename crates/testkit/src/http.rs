use std::{fmt, net::SocketAddr, time::Duration};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
pub use reqwest::{Method, header::HeaderMap};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// No answer after this long is a failure of whatever was asked.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody who talks to one HTTP address, with or without a token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    headers: HeaderMap,
}

impl Client {
    /// A stranger who talks to `base`, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("an HTTP client");
        Self {
            http,
            base: base.into(),
            headers: HeaderMap::new(),
        }
    }

    /// The same client with a header on every request; it replaces an earlier
    /// one of that name.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// The same client with `token` as its bearer token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    /// The same client without a token.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.headers.remove(AUTHORIZATION);
        self
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Response {
        self.send(self.request(Method::GET, path)).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Response {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// `PATCH path` with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Response {
        self.send(self.request(Method::PATCH, path).json(body))
            .await
    }

    /// `POST path` without a body.
    pub async fn post_empty(&self, path: &str) -> Response {
        self.send(self.request(Method::POST, path)).await
    }

    /// A request to be finished by hand and given to [`Client::send`].
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .headers(self.headers.clone())
    }

    /// Sends and reads the whole answer; panics when there is none in 20 seconds.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        self.try_send(request).await.expect("an HTTP answer")
    }

    /// Sends and reads the whole answer.
    pub async fn try_send(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Response, reqwest::Error> {
        let request = request.build()?;
        let asked = format!("{} {}", request.method(), request.url().path());
        let response = self.http.execute(request).await?;
        Ok(Response {
            asked,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }
}

/// An answer, read to its end.
#[derive(Clone)]
pub struct Response {
    asked: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Response {
    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when there is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The body as JSON, after making sure of the status.
    #[track_caller]
    #[allow(
        clippy::must_use_candidate,
        reason = "the check is the point, the body a bonus"
    )]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// The problem document, after making sure of its shape.
    #[must_use]
    #[track_caller]
    pub fn problem(&self) -> Problem {
        assert_eq!(
            self.header(CONTENT_TYPE.as_str()),
            Some("application/problem+json"),
            "{self:?}"
        );
        let body = self.json();
        let text = |field: &str| {
            let value = body[field].as_str().filter(|text| !text.is_empty());
            value
                .unwrap_or_else(|| panic!("no {field}: {self:?}"))
                .to_owned()
        };
        assert_eq!(
            body["status"].as_u64(),
            Some(self.status.into()),
            "{self:?}"
        );
        text("type");
        text("title");
        let code = text("code");
        let row = format!("| `{code}` | {} |", self.status);
        assert!(
            ERROR_CODES.contains(&row),
            "docs/reference/error-codes.md has no such code and status: {self:?}"
        );
        assert_eq!(
            Some(text("request_id").as_str()),
            self.header("x-request-id"),
            "{self:?}"
        );
        let errors = body["errors"].as_array().map_or(&[][..], Vec::as_slice);
        let fields = errors.iter().map(|error| {
            let said = |key: &str| error[key].as_str().filter(|text| !text.is_empty());
            assert!(
                said("message").is_some(),
                "an error without a message: {self:?}"
            );
            error["field"]
                .as_str()
                .unwrap_or_else(|| panic!("no field: {self:?}"))
                .to_owned()
        });
        Problem {
            code,
            detail: body["detail"].as_str().unwrap_or_default().to_owned(),
            fields: fields.collect(),
        }
    }

    /// The code of the problem document; empty when this is none.
    #[must_use]
    pub fn problem_code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The problem document, after making sure of its shape, status and code.
    #[track_caller]
    #[allow(clippy::must_use_candidate, reason = "the check is the point")]
    pub fn expect_problem(&self, status: u16, code: &str) -> Problem {
        assert_eq!(self.status, status, "expected {status} {code}: {self:?}");
        let problem = self.problem();
        assert_eq!(problem.code, code, "{self:?}");
        problem
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        let start: String = text.chars().take(2000).collect();
        write!(
            f,
            "{} -> {}\n{:?}\n{start}",
            self.asked, self.status, self.headers
        )
    }
}

/// The codes that clients may meet. A refusal outside of them fails its test.
const ERROR_CODES: &str = include_str!("../../../docs/reference/error-codes.md");

/// What a problem document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The stable word.
    pub code: String,
    /// The sentence for people.
    pub detail: String,
    /// The fields that `errors` blames, in its order.
    pub fields: Vec<String>,
}

/// Writes `bytes` to `address` and returns everything that comes back until
/// the server closes. For requests that no client library would send; ask for
/// `Connection: close`. Panics after 20 seconds.
pub async fn raw_request(address: SocketAddr, bytes: &[u8]) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let (mut read, mut write) = stream.split();
        let mut answer = Vec::new();
        // A server may answer and close before it has read everything: both errors are fine.
        let _ = tokio::join!(write.write_all(bytes), read.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .expect("the server neither answered nor closed")
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one connection with `answer`, whatever it says.
    async fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            let length = stream.read(&mut buffer).await.unwrap();
            assert!(length > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        address
    }

    const PROBLEM: &str = concat!(
        "HTTP/1.1 422 Unprocessable Content\r\n",
        "content-type: application/problem+json\r\nx-request-id: r1\r\nconnection: close\r\n\r\n",
        r#"{"type":"about:blank","title":"Wrong","status":422,"code":"validation_failed","#,
        r#""request_id":"r1","errors":[{"field":"email","message":"is needed"}]}"#
    );

    #[tokio::test]
    async fn a_problem_is_checked_and_read() {
        let client = Client::new(format!("http://{}", server(PROBLEM).await));
        let problem = client
            .get("/")
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, ["email"]);
    }

    #[tokio::test]
    #[should_panic(expected = "no such thing")]
    async fn a_wrong_status_shows_the_body() {
        let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 13\r\n\r\nno such thing";
        let client = Client::new(format!("http://{}", server(answer).await));
        client.get("/").await.expect(200);
    }

    #[tokio::test]
    async fn raw_bytes_get_a_raw_answer() {
        let answer = raw_request(server("HTTP/1.1 400 Bad\r\n\r\n").await, b"\0\r\n\r\n").await;
        assert_eq!(answer, "HTTP/1.1 400 Bad\r\n\r\n");
    }
}
