//! The opening handshake of RFC 6455, section 4, as far as it concerns whoever
//! stands between: whether it is one, and its headers that end at each hop.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Version,
    header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use http_body::Body;

use crate::problem::Code;

const WEBSOCKET: &str = "websocket";

/// Whether `request` asks to speak WebSocket. Whether it may, and with which
/// version and extensions, is for the service to say; refused here is only what
/// two servers could read in two ways.
pub(crate) fn is_asked<B: Body>(request: &Request<B>) -> Result<bool, Code> {
    let headers = request.headers();
    let names_websocket =
        |value: &HeaderValue| tokens(value).any(|token| token.eq_ignore_ascii_case(WEBSOCKET));
    if *request.method() != Method::GET || !headers.get_all(UPGRADE).iter().any(names_websocket) {
        return Ok(false);
    }
    let is_whole = request.version() == Version::HTTP_11
        && request.body().is_end_stream()
        && is_switch_to_websocket(headers)
        && once(headers, &SEC_WEBSOCKET_KEY).is_some()
        && once(headers, &SEC_WEBSOCKET_VERSION).is_some();
    if is_whole {
        Ok(true)
    } else {
        Err(Code::BadRequest)
    }
}

/// Whether `headers` say, in their hop-by-hop part, that WebSocket is next.
pub(crate) fn is_switch_to_websocket(headers: &HeaderMap) -> bool {
    let mut options = headers.get_all(CONNECTION).iter().flat_map(tokens);
    once(headers, &UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes()))
        && options.any(|option| option.eq_ignore_ascii_case("upgrade"))
}

/// Says at this hop what was said at the last one, where hop-by-hop headers end.
pub(crate) fn mark_switch(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim)
}

/// The value of a header that there is exactly one of.
fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{Empty, Full};

    use super::*;

    const WHOLE: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ];

    fn request(headers: &[(&'static str, &'static str)]) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            request.headers_mut().append(*name, value);
        }
        request
    }

    fn changed(name: &str, values: &[&'static str]) -> Request<Empty<Bytes>> {
        let mut headers = WHOLE.to_vec();
        headers.retain(|(other, _)| *other != name);
        let mut request = request(&headers);
        for value in values {
            let name: HeaderName = name.parse().unwrap();
            let value = HeaderValue::from_static(value);
            request.headers_mut().append(name, value);
        }
        request
    }

    #[test]
    fn a_whole_handshake_asks_for_websocket() {
        assert_eq!(is_asked(&request(&WHOLE)), Ok(true));
    }

    #[test]
    fn other_requests_do_not() {
        assert_eq!(is_asked(&request(&[])), Ok(false));
        for values in [&[][..], &["h2c"], &["websocket2"], &["TLS/1.0, h2c"]] {
            assert_eq!(is_asked(&changed("upgrade", values)), Ok(false));
        }
        let mut post = request(&WHOLE);
        *post.method_mut() = Method::POST;
        assert_eq!(is_asked(&post), Ok(false));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (name, values) in [
            ("upgrade", &["websocket", "websocket"][..]),
            ("upgrade", &["websocket, h2c"]),
            ("upgrade", &["h2c", "websocket"]),
            ("connection", &[]),
            ("connection", &["keep-alive"]),
            ("connection", &["upgraded"]),
            ("sec-websocket-key", &[]),
            ("sec-websocket-key", &["a", "a"]),
            ("sec-websocket-version", &[]),
            ("sec-websocket-version", &["13", "8"]),
        ] {
            let asked = is_asked(&changed(name, values));
            assert_eq!(asked, Err(Code::BadRequest), "{name}: {values:?}");
        }
        let mut old = request(&WHOLE);
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(is_asked(&old), Err(Code::BadRequest));
        let with_body = request(&WHOLE).map(|_| Full::<Bytes>::from("body"));
        assert_eq!(is_asked(&with_body), Err(Code::BadRequest));
    }
}
