use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, Method, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use sha1::{Digest, Sha1};

/// What the key of a client is hashed with (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a request does not become a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("a WebSocket begins with GET")]
    Method,
    #[error("the request does not ask for an upgrade to WebSocket")]
    NotAnUpgrade,
    #[error("only version 13 is spoken here")]
    Version,
    #[error("the key is not 16 bytes of base64")]
    Key,
}

impl HandshakeError {
    /// What the client is told.
    pub(crate) fn response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.to_string()));
        *response.status_mut() = match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAnUpgrade | Self::Key => StatusCode::BAD_REQUEST,
            Self::Version => StatusCode::UPGRADE_REQUIRED,
        };
        if self == Self::Version {
            let headers = response.headers_mut();
            headers.insert(SEC_WEBSOCKET_VERSION, 13.into());
        }
        response
    }
}

/// What the client has to be answered, if its request is a handshake (section 4.2.1).
pub(crate) fn accept_key(method: &Method, headers: &HeaderMap) -> Result<String, HandshakeError> {
    if method != Method::GET {
        return Err(HandshakeError::Method);
    }
    if !(has_token(headers, &UPGRADE, "websocket") && has_token(headers, &CONNECTION, "upgrade")) {
        return Err(HandshakeError::NotAnUpgrade);
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(HandshakeError::Version);
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let key = key.ok_or(HandshakeError::Key)?;
    Ok(STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize()))
}

/// Is `token` in the lists of all headers of this name?
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lists = headers.get_all(name).iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|found| found.trim().eq_ignore_ascii_case(token))
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.as_bytes())
}

/// 16 bytes of base64. Of its last digit only two bits count: clients of old leave the others as
/// they were.
fn is_key(key: &[u8]) -> bool {
    key.strip_suffix(b"==").is_some_and(|digits| {
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        digits.len() == 22 && digits.iter().all(is_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The handshake of section 1.3, as far as it counts.
    const GOOD: [(&str, &str); 4] = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ];

    fn accept(headers: &[(&'static str, &'static str)]) -> Result<String, HandshakeError> {
        let pairs = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        });
        let mut map = HeaderMap::new();
        pairs.for_each(|(name, value)| {
            map.append(name, value);
        });
        accept_key(&Method::GET, &map)
    }

    /// The good handshake with `name` being `value`, or missing.
    fn accept_with(
        name: &'static str,
        value: Option<&'static str>,
    ) -> Result<String, HandshakeError> {
        let mut headers = GOOD.to_vec();
        headers.retain(|(other, _)| *other != name);
        headers.extend(value.map(|value| (name, value)));
        accept(&headers)
    }

    #[test]
    fn the_handshake_of_the_specification_is_answered_as_it_says() {
        let key = accept(&GOOD).unwrap();
        assert_eq!(key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn tokens_are_found_in_lists_in_any_case() {
        assert!(accept_with("connection", Some("keep-alive, UPGRADE")).is_ok());
        assert!(accept_with("upgrade", Some("WebSocket")).is_ok());
        let mut headers = GOOD.to_vec();
        headers.insert(0, ("connection", "keep-alive"));
        assert!(accept(&headers).is_ok());
    }

    #[test]
    fn what_is_no_handshake_is_refused() {
        let cases = [
            ("upgrade", None, HandshakeError::NotAnUpgrade, 400),
            ("upgrade", Some("h2c"), HandshakeError::NotAnUpgrade, 400),
            ("connection", None, HandshakeError::NotAnUpgrade, 400),
            (
                "connection",
                Some("close"),
                HandshakeError::NotAnUpgrade,
                400,
            ),
            ("sec-websocket-version", None, HandshakeError::Version, 426),
            (
                "sec-websocket-version",
                Some("8"),
                HandshakeError::Version,
                426,
            ),
            ("sec-websocket-key", None, HandshakeError::Key, 400),
            ("sec-websocket-key", Some(""), HandshakeError::Key, 400),
            (
                "sec-websocket-key",
                Some("dGhlIHNhbXBsZSBub25j"),
                HandshakeError::Key,
                400,
            ),
            (
                "sec-websocket-key",
                Some("dGhlIHNhbXBsZSBub25*ZQ=="),
                HandshakeError::Key,
                400,
            ),
        ];
        for (name, value, error, status) in cases {
            assert_eq!(accept_with(name, value), Err(error), "{name}: {value:?}");
            assert_eq!(error.response().status(), status);
        }
        let mut headers = GOOD.to_vec();
        headers.push(("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(accept(&headers), Err(HandshakeError::Key));
        let post = accept_key(&Method::POST, &HeaderMap::new());
        assert_eq!(post, Err(HandshakeError::Method));
        let response = HandshakeError::Version.response();
        assert_eq!(response.headers()[SEC_WEBSOCKET_VERSION], "13");
    }
}
