//! Which pages of other origins may call the API (the Fetch standard's CORS).
//!
//! Tokens travel in a header, never in a cookie, so no answer allows credentials.

use std::str::FromStr;

use http::{
    HeaderMap, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
};

use crate::problem::ALLOWED_METHODS;

/// The headers of our answers that a page may read.
const EXPOSED: &str = "ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, \
    Retry-After, X-Cache, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id";
/// What a page may send, when it does not say.
const ALLOWED_HEADERS: &str =
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id";
/// How long a browser may remember a preflight, in seconds.
const MAX_AGE: &str = "600";

/// The allow-list, compared byte by byte.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins(Vec<HeaderValue>);

impl FromStr for AllowedOrigins {
    type Err = String;

    /// Reads origins separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| {
                let is_origin = part
                    .split_once("://")
                    .is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'));
                HeaderValue::from_str(part)
                    .ok()
                    .filter(|_| is_origin)
                    .ok_or_else(|| format!("{part:?} is not an origin such as https://app.example"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl AllowedOrigins {
    fn allows(&self, origin: &HeaderValue) -> bool {
        self.0.contains(origin)
    }

    /// Lets the page that sent `request` read the answer, if its origin is on the list.
    pub(crate) fn mark(&self, request: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        // Also on answers to others, or a cache would hand them to a page.
        answer.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = request.filter(|origin| self.allows(origin)) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(EXPOSED),
            );
        }
    }

    /// What to answer a preflight with; `None` when the origin is not on the list.
    /// Its origin headers come from [`AllowedOrigins::mark`], as on every answer.
    pub(crate) fn preflight(&self, request: &HeaderMap) -> Option<HeaderMap> {
        self.allows(request.get(ORIGIN)?).then(|| {
            let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
            let headers = asked.unwrap_or(HeaderValue::from_static(ALLOWED_HEADERS));
            HeaderMap::from_iter([
                (
                    ACCESS_CONTROL_ALLOW_METHODS,
                    HeaderValue::from_static(ALLOWED_METHODS),
                ),
                (ACCESS_CONTROL_ALLOW_HEADERS, headers),
                (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE)),
                (VARY, HeaderValue::from_name(ACCESS_CONTROL_REQUEST_HEADERS)),
            ])
        })
    }
}

/// Whether a request is a preflight and not a request of its own.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(text))])
    }

    #[test]
    fn origins_are_compared_exactly() {
        let allowed: AllowedOrigins = "https://app.example, http://localhost:3000"
            .parse()
            .unwrap();
        for (text, is_allowed) in [
            ("https://app.example", true),
            ("http://localhost:3000", true),
            ("https://app.example.evil", false),
            ("https://evil.app.example", false),
            ("http://app.example", false),
            ("null", false),
        ] {
            assert_eq!(
                allowed.preflight(&origin(text)).is_some(),
                is_allowed,
                "{text}"
            );
            let mut answer = HeaderMap::new();
            allowed.mark(origin(text).get(ORIGIN), &mut answer);
            assert_eq!(
                answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN),
                is_allowed,
                "{text}"
            );
            assert_eq!(answer.get(VARY).unwrap(), "Origin");
        }
    }

    #[test]
    fn what_is_not_an_origin_is_refused() {
        for text in ["app.example", "https://app.example/", "https://", "*"] {
            assert!(text.parse::<AllowedOrigins>().is_err(), "{text}");
        }
        assert!("".parse::<AllowedOrigins>().is_ok());
    }
}
