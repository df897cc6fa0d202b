//! What the gateway says when it does not forward: RFC 9457 problem documents.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

/// The methods that may reach a service, as `Allow` lists them.
pub(crate) const ALLOWED_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Every refusal of the gateway itself, by its stable word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Not HTTP, or framed in a way that two servers could read differently.
    BadRequest,
    /// Not `/path`.
    InvalidTarget,
    /// A path that could mean another one.
    InvalidPath,
    /// No `Host`.
    MissingHost,
    /// More than one `Host`, or one that names no host.
    InvalidHost,
    /// A protected route without a token.
    MissingToken,
    /// A token that is not ours.
    TokenInvalid,
    /// A token whose time is over.
    TokenExpired,
    /// A token of a login that was ended.
    SessionRevoked,
    /// A preflight from an origin that is not on the list.
    OriginNotAllowed,
    /// No such route.
    NotFound,
    /// A method that no route takes.
    MethodNotAllowed,
    /// A client that stopped in the middle of its request.
    RequestTimeout,
    /// A body over the limit.
    PayloadTooLarge,
    /// Headers over the limits.
    HeadersTooLarge,
    /// More requests than the policy allows.
    RateLimited,
    /// More sockets than one client may have.
    TooManySockets,
    /// The service broke off, or answered something that is not HTTP.
    BadGateway,
    /// The service, or what is needed to ask it, is down.
    UpstreamUnavailable,
    /// More connections than the gateway takes.
    TooManyConnections,
    /// The service did not answer in time.
    UpstreamTimeout,
    /// Another protocol version than HTTP/1.0 and HTTP/1.1.
    HttpVersionNotSupported,
}

/// A row of the table of codes.
#[derive(Clone, Copy, Debug)]
pub struct CodeRow {
    /// The stable word in `code`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// The `detail` of the document: what happened, for a person.
    pub meaning: &'static str,
}

impl Code {
    /// All codes, by status.
    pub const ALL: [Self; 22] = [
        Self::BadRequest,
        Self::InvalidTarget,
        Self::InvalidPath,
        Self::MissingHost,
        Self::InvalidHost,
        Self::MissingToken,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::SessionRevoked,
        Self::OriginNotAllowed,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::PayloadTooLarge,
        Self::RateLimited,
        Self::TooManySockets,
        Self::HeadersTooLarge,
        Self::BadGateway,
        Self::UpstreamUnavailable,
        Self::TooManyConnections,
        Self::UpstreamTimeout,
        Self::HttpVersionNotSupported,
    ];

    /// The row of the table. Refusals are built from it, and so is the reference of codes.
    #[must_use]
    pub const fn row(self) -> CodeRow {
        use StatusCode as Status;

        #[rustfmt::skip]
        let (code, status, meaning) = match self {
            Self::BadRequest => ("bad_request", Status::BAD_REQUEST, "the request is not valid HTTP"),
            Self::InvalidTarget => ("invalid_target", Status::BAD_REQUEST, "the request target must be a path that begins with a slash"),
            Self::InvalidPath => ("invalid_path", Status::BAD_REQUEST, "the path has empty or dot segments, or characters that may not be in one"),
            Self::MissingHost => ("missing_host", Status::BAD_REQUEST, "a request needs a Host header"),
            Self::InvalidHost => ("invalid_host", Status::BAD_REQUEST, "a request has exactly one Host header, and it names a host"),
            Self::MissingToken => ("missing_token", Status::UNAUTHORIZED, "this needs an Authorization header with a bearer token"),
            Self::TokenInvalid => ("token_invalid", Status::UNAUTHORIZED, "the access token is not valid"),
            Self::TokenExpired => ("token_expired", Status::UNAUTHORIZED, "the access token has expired"),
            Self::SessionRevoked => ("session_revoked", Status::UNAUTHORIZED, "the login this token belongs to was ended"),
            Self::OriginNotAllowed => ("origin_not_allowed", Status::FORBIDDEN, "pages of this origin may not call the API"),
            Self::NotFound => ("not_found", Status::NOT_FOUND, "there is nothing at this path"),
            Self::MethodNotAllowed => ("method_not_allowed", Status::METHOD_NOT_ALLOWED, "the method is not allowed here"),
            Self::RequestTimeout => ("request_timeout", Status::REQUEST_TIMEOUT, "the request did not arrive in time"),
            Self::PayloadTooLarge => ("payload_too_large", Status::PAYLOAD_TOO_LARGE, "the request body is over the limit"),
            Self::RateLimited => ("rate_limited", Status::TOO_MANY_REQUESTS, "too many requests; Retry-After says when to come back"),
            Self::HeadersTooLarge => ("headers_too_large", Status::REQUEST_HEADER_FIELDS_TOO_LARGE, "the request headers are too many or too long"),
            Self::TooManySockets => ("too_many_sockets", Status::TOO_MANY_REQUESTS, "this client has all the sockets it may have open at a time"),
            Self::BadGateway => ("bad_gateway", Status::BAD_GATEWAY, "the service broke off before it had answered; the request may have been carried out"),
            Self::UpstreamUnavailable => ("upstream_unavailable", Status::SERVICE_UNAVAILABLE, "a service that this needs is down; try again"),
            Self::TooManyConnections => ("too_many_connections", Status::SERVICE_UNAVAILABLE, "the gateway has all the connections it can take; try again"),
            Self::UpstreamTimeout => ("upstream_timeout", Status::GATEWAY_TIMEOUT, "the service did not answer in time; the request may have been carried out"),
            Self::HttpVersionNotSupported => ("http_version_not_supported", Status::HTTP_VERSION_NOT_SUPPORTED, "the protocol is HTTP/1.1 or HTTP/1.0"),
        };
        CodeRow {
            code,
            status,
            meaning,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().status
    }

    /// The document, for a request to `path`.
    pub(crate) fn document(self, path: &str, request_id: &str) -> Bytes {
        let CodeRow {
            code,
            status,
            meaning,
        } = self.row();
        let document = Document {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: meaning,
            instance: path,
            request_id,
            errors: [],
        };
        // Strings and numbers always serialize.
        serde_json::to_vec(&document).unwrap_or_default().into()
    }

    /// The headers that go with the document, apart from its length.
    pub(crate) fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match self.status() {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static(ALLOWED_METHODS));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::TOO_MANY_REQUESTS if self == Self::TooManySockets => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
            }
            _ => {}
        }
        headers
    }
}

/// The shape that every service of the product gives its refusals.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    instance: &'a str,
    request_id: &'a str,
    errors: [(); 0],
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_a_word_of_its_own_and_an_error() {
        let words: HashSet<_> = Code::ALL.iter().map(|code| code.row().code).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            let row = code.row();
            assert!(
                row.code
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_')
            );
            assert!(row.status.is_client_error() || row.status.is_server_error());
        }
    }

    #[test]
    fn a_document_has_all_members() {
        let document = Code::RateLimited.document("/api/x", "r-1");
        let seen: serde_json::Value = serde_json::from_slice(&document).unwrap();
        assert_eq!(
            seen,
            serde_json::json!({
                "type": "about:blank", "title": "Too Many Requests", "status": 429,
                "code": "rate_limited",
                "detail": "too many requests; Retry-After says when to come back",
                "instance": "/api/x", "request_id": "r-1", "errors": [],
            })
        );
    }
}
