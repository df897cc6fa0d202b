//! Tokens that the predecessor has issued.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::{Timestamp, UserId};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokens::{PredecessorVerifier, TokenError};

const SECRET: &str = "what the old backend signed with";
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const NOW_SECONDS: i64 = 1_700_000_000;

fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn token(claims: &Value) -> String {
    signed(Algorithm::HS256, SECRET, claims)
}

fn verify(token: &str) -> Result<tokens::PredecessorToken, TokenError> {
    PredecessorVerifier::new(SECRET).verify(token, NOW)
}

#[test]
fn a_token_says_whose_it_is_whatever_the_claim_was_called() {
    let user = UserId::generate();
    for claim in ["sub", "id", "_id", "user_id", "userId"] {
        let old = token(&json!({ claim: user, "iat": NOW_SECONDS - 5, "role": "user" }));
        let read = verify(&old).unwrap();
        assert_eq!((read.user_id, read.expires_at), (user, None), "{claim}");
        assert_eq!(read.issued_at.as_millis(), NOW.as_millis() - 5_000);
        assert!(PredecessorVerifier::recognizes(&old));
    }
    let twice = json!({ "id": user, "userId": user, "iat": NOW_SECONDS });
    assert_eq!(verify(&token(&twice)).unwrap().user_id, user);
    let two = json!({ "id": user, "userId": UserId::generate(), "iat": NOW_SECONDS });
    assert_eq!(verify(&token(&two)), Err(TokenError::Invalid));
}

#[test]
fn a_token_ends_at_its_second() {
    let at = |end: i64| json!({ "id": UserId::generate(), "iat": NOW_SECONDS, "exp": end });
    assert!(verify(&token(&at(NOW_SECONDS + 1))).is_ok());
    let ended = verify(&token(&at(NOW_SECONDS)));
    assert_eq!(ended, Err(TokenError::Expired));
}

#[test]
fn what_was_not_signed_by_the_predecessor_is_refused() {
    let claims = json!({ "id": UserId::generate(), "iat": NOW_SECONDS });
    let mut changed = token(&claims);
    changed.pop();
    let without_a_signature = "eyJhbGciOiJub25lIn0.eyJpZCI6IjY1ZjBjMGZmZWU2NWYwYzBmZmVlNjVmMCJ9.";
    for wrong in [
        signed(Algorithm::HS256, "another secret", &claims),
        signed(Algorithm::HS512, SECRET, &claims),
        changed,
        without_a_signature.to_owned(),
        token(&json!({ "id": "ana", "iat": NOW_SECONDS })),
        token(&json!({ "iat": NOW_SECONDS })),
        // Without the moment of its issue nobody could tell whether it was ended.
        token(&json!({ "id": UserId::generate() })),
        "x".repeat(4_096),
    ] {
        assert_eq!(verify(&wrong), Err(TokenError::Invalid), "{wrong}");
    }
    assert!(!PredecessorVerifier::recognizes(&signed(
        Algorithm::HS512,
        SECRET,
        &claims
    )));
    assert!(!PredecessorVerifier::recognizes("nonsense"));
}
