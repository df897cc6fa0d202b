//! Headers on their way through the gateway.

use std::net::IpAddr;

use domain::Timestamp;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, SERVER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

/// The name of a request in logs, here and in every service it reaches.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Everything with this prefix is said between services, never by a client.
const INTERNAL_PREFIX: &str = "x-anufy-";

/// What concerns one connection only (RFC 9110, section 7.6.1), with two that
/// are not registered as such but are meant so.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    PROXY_CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The defaults of helmet 8, which clients of the API have always had.
#[rustfmt::skip]
static SECURITY: [(HeaderName, HeaderValue); 12] = [
    (HeaderName::from_static("content-security-policy"), HeaderValue::from_static("default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("origin-agent-cluster"), HeaderValue::from_static("?1")),
    (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("strict-transport-security"), HeaderValue::from_static("max-age=31536000; includeSubDomains")),
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("x-dns-prefetch-control"), HeaderValue::from_static("off")),
    (HeaderName::from_static("x-download-options"), HeaderValue::from_static("noopen")),
    (HeaderName::from_static("x-frame-options"), HeaderValue::from_static("SAMEORIGIN")),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), HeaderValue::from_static("none")),
    (HeaderName::from_static("x-xss-protection"), HeaderValue::from_static("0")),
];

/// Takes out what ends at this connection: the known hop-by-hop headers and
/// those that `Connection` names. `Host` and `Content-Length` stay whatever it
/// says, for the message would mean something else without them.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| *name != HOST && *name != CONTENT_LENGTH)
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// What a service is told of where a request comes from.
pub(crate) struct Origin<'a> {
    pub(crate) client: IpAddr,
    /// Whether the peer is a trusted proxy, whose `X-Forwarded-Proto` counts.
    pub(crate) is_peer_trusted: bool,
    pub(crate) request_id: &'a HeaderValue,
    pub(crate) credential: &'a (HeaderName, HeaderValue),
}

impl Origin<'_> {
    /// Makes a client's headers into those that a service gets.
    pub(crate) fn prepare(&self, headers: &mut HeaderMap) {
        strip_hop_by_hop(headers);
        headers.remove(EXPECT);
        headers.remove(FORWARDED);
        headers.remove(X_REAL_IP);
        let internal: Vec<HeaderName> = headers
            .keys()
            .filter(|name| name.as_str().starts_with(INTERNAL_PREFIX))
            .cloned()
            .collect();
        for name in internal {
            headers.remove(name);
        }
        let scheme = self.scheme(headers);
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
        if let Ok(client) = HeaderValue::from_str(&self.client.to_string()) {
            headers.insert(X_FORWARDED_FOR, client);
        }
        match headers.get(HOST).cloned() {
            Some(host) => headers.insert(X_FORWARDED_HOST, host),
            None => headers.remove(X_FORWARDED_HOST),
        };
        headers.insert(REQUEST_ID, self.request_id.clone());
        let (name, value) = self.credential;
        headers.insert(name, value.clone());
    }

    fn scheme(&self, headers: &HeaderMap) -> &'static str {
        let said = headers
            .get(X_FORWARDED_PROTO)
            .filter(|_| self.is_peer_trusted);
        match said.map(HeaderValue::as_bytes) {
            Some(b"https") => "https",
            _ => "http",
        }
    }
}

/// Makes a service's headers into those that a client gets.
pub(crate) fn clean_answer(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    headers.remove(SERVER);
    headers.remove(X_POWERED_BY);
    let internal: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(INTERNAL_PREFIX))
        .cloned()
        .collect();
    for name in internal {
        headers.remove(name);
    }
}

/// Adds the security headers that the service has not set itself.
pub(crate) fn secure(headers: &mut HeaderMap) {
    // With room for those of the rate limit and of CORS, so that they grow once.
    headers.reserve(2 * SECURITY.len());
    for (name, value) in &SECURITY {
        headers.entry(name).or_insert_with(|| value.clone());
    }
}

/// The client's request id, if it is harmless in a log line, else a fresh one.
pub(crate) fn request_id(headers: &HeaderMap, now: Timestamp) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match given {
        Some(given) if is_request_id(given) => given.to_owned(),
        _ => fresh_request_id(now),
    }
}

/// A UUID of version 7, of the thread's own random numbers: `Uuid::now_v7` asks the kernel for them.
fn fresh_request_id(now: Timestamp) -> String {
    let millis = u64::try_from(now.as_millis()).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid();
    id.to_string()
}

fn is_request_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/+=@".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn prepared(is_peer_trusted: bool, pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = headers(pairs);
        let origin = Origin {
            client: "192.0.2.7".parse().unwrap(),
            is_peer_trusted,
            request_id: &HeaderValue::from_static("r-1"),
            credential: &(
                HeaderName::from_static("x-anufy-service-credential"),
                HeaderValue::from_static("secret"),
            ),
        };
        origin.prepare(&mut headers);
        headers
    }

    #[test]
    fn hop_by_hop_headers_end_here() {
        let seen = prepared(
            false,
            &[
                ("connection", "keep-alive, X-Secret-Hop"),
                ("connection", "upgrade,host, content-length,,"),
                ("x-secret-hop", "1"),
                ("upgrade", "websocket"),
                ("te", "trailers"),
                ("trailer", "x"),
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "close"),
                ("proxy-authorization", "Basic x"),
                ("transfer-encoding", "chunked"),
                ("expect", "100-continue"),
                ("host", "anufy.example"),
                ("content-length", "5"),
                ("authorization", "Bearer t"),
            ],
        );
        let mut names: Vec<_> = seen.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "authorization",
                "content-length",
                "host",
                "x-anufy-service-credential",
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-proto",
                "x-request-id",
            ]
        );
    }

    #[test]
    fn a_client_cannot_speak_for_us() {
        let seen = prepared(
            false,
            &[
                ("host", "anufy.example"),
                ("x-anufy-service-credential", "guess"),
                ("x-anufy-user", "root"),
                ("x-forwarded-for", "1.2.3.4"),
                ("x-forwarded-for", "5.6.7.8"),
                ("x-forwarded-host", "evil.example"),
                ("x-forwarded-proto", "https"),
                ("x-real-ip", "1.2.3.4"),
                ("forwarded", "for=1.2.3.4"),
                ("x-request-id", "theirs"),
            ],
        );
        let all = |name| seen.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(all("x-anufy-service-credential"), ["secret"]);
        assert_eq!(all("x-forwarded-for"), ["192.0.2.7"]);
        assert_eq!(all("x-forwarded-host"), ["anufy.example"]);
        assert_eq!(all("x-forwarded-proto"), ["http"]);
        assert_eq!(all("x-request-id"), ["r-1"]);
        for gone in ["x-anufy-user", "x-real-ip", "forwarded"] {
            assert!(!seen.contains_key(gone), "{gone}");
        }
    }

    #[test]
    fn a_trusted_proxy_says_whether_there_was_tls() {
        let scheme = |is_trusted, said| {
            let seen = prepared(is_trusted, &[("x-forwarded-proto", said)]);
            seen["x-forwarded-proto"].clone()
        };
        assert_eq!(scheme(true, "https"), "https");
        assert_eq!(scheme(true, "gopher"), "http");
        assert_eq!(scheme(false, "https"), "http");
    }

    #[test]
    fn a_service_may_set_its_own_security_headers() {
        let mut answer = headers(&[("content-security-policy", "default-src 'none'")]);
        secure(&mut answer);
        assert_eq!(answer.get_all("content-security-policy").iter().count(), 1);
        assert_eq!(answer["content-security-policy"], "default-src 'none'");
        assert_eq!(answer["x-frame-options"], "SAMEORIGIN");
        assert_eq!(answer.len(), SECURITY.len());
    }

    #[test]
    fn a_harmless_request_id_is_kept() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let id = |text| request_id(&headers(&[("x-request-id", text)]), now);
        assert_eq!(id("mobile-7:42"), "mobile-7:42");
        let long: &'static str = "a".repeat(129).leak();
        for text in ["", "a b", "a\tb", "<script>", "a\"b", long] {
            assert_eq!(id(text).len(), 36, "{text}");
        }
    }
}
