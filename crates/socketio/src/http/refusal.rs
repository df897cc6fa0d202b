//! Why a request is not served, in the words of Engine.IO.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;
use serde_json::json;

use super::Answer;
use crate::websocket::HandshakeError;

/// What a client is told instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownTransport,
    UnknownSession,
    BadHandshakeMethod,
    BadRequest,
    UnsupportedVersion,
    NotAWebSocket(HandshakeError),
    TooLarge,
    NotFound,
    /// The server drains, or has no room.
    Unavailable,
}

impl Refusal {
    pub(super) fn into_answer(self) -> Answer {
        let (status, code, message) = match self {
            Self::UnknownTransport => (StatusCode::BAD_REQUEST, 0, "Transport unknown"),
            Self::UnknownSession => (StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
            Self::BadHandshakeMethod => (StatusCode::BAD_REQUEST, 2, "Bad handshake method"),
            Self::BadRequest => (StatusCode::BAD_REQUEST, 3, "Bad request"),
            Self::UnsupportedVersion => {
                (StatusCode::BAD_REQUEST, 5, "Unsupported protocol version")
            }
            Self::NotAWebSocket(error) => return error.response().map(Full::new),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 3, "Bad request"),
            Self::NotFound => (StatusCode::NOT_FOUND, 3, "Bad request"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, 4, "Forbidden"),
        };
        let body = json!({ "code": code, "message": message }).to_string();
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self == Self::Unavailable {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}
