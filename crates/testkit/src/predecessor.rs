use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::Value;

/// A token as the predecessor has signed it (HS256) with `secret`.
#[must_use]
pub fn predecessor_token(secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::default(), claims, &key).unwrap()
}
