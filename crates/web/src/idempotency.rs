use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{ApiError, Code};

const HEADER: &str = "idempotency-key";
/// Longest key, in bytes.
const KEY_MAX: usize = 255;

/// The `Idempotency-Key` of a request, if it has one: 1 to 255 visible ASCII
/// characters (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl FromRequest for IdempotencyKey {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    /// Refuses with `invalid_idempotency_key` (400).
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut keys = request.headers().get_all(HEADER);
        let (first, second) = (keys.next(), keys.next());
        let key = match (first, second) {
            (None, _) => Ok(Self(None)),
            (Some(key), None) => match key.to_str() {
                Ok(key)
                    if (1..=KEY_MAX).contains(&key.len())
                        && key.bytes().all(|byte| byte.is_ascii_graphic()) =>
                {
                    Ok(Self(Some(key.to_owned())))
                }
                _ => Err(()),
            },
            (Some(_), Some(_)) => Err(()),
        };
        ready(key.map_err(|()| ApiError::of(Code::InvalidIdempotencyKey)))
    }
}

/// SHA-256 of what a body says, in base64url. Spaces and the order of its
/// fields do not count, because it is the parsed body that is hashed.
#[must_use]
pub fn body_hash<T: Serialize>(body: &T) -> String {
    // A body that was parsed from JSON can be written as JSON.
    let text = serde_json::to_vec(body).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn key(values: &[&str]) -> Result<Option<String>, &'static str> {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((HEADER, *value));
        }
        let extracted =
            IdempotencyKey::from_request(&request.to_http_request(), &mut Payload::None);
        match extracted.into_inner() {
            Ok(IdempotencyKey(key)) => Ok(key),
            Err(error) => Err(error.0.code),
        }
    }

    #[test]
    fn a_key_is_visible_ascii_given_once() {
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["a-1_Z~"]), Ok(Some("a-1_Z~".to_owned())));
        let long = "k".repeat(KEY_MAX + 1);
        for values in [&[""][..], &["a b"], &["a", "a"], &[&long]] {
            assert_eq!(key(values), Err("invalid_idempotency_key"), "{values:?}");
        }
    }

    #[test]
    fn bodies_differ_by_what_they_say() {
        assert_eq!(body_hash(&("a", 1)), body_hash(&("a", 1)));
        assert_ne!(body_hash(&("a", 1)), body_hash(&("a", 2)));
    }
}
