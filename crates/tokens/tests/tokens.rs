//! Issue, verify, and every way a token can be wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use domain::{SessionId, Timestamp, UserId};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use tokens::{Signer, TokenError, Verifier, generate_key_pem};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const HOUR: Duration = Duration::from_hours(1);

fn signer() -> Signer {
    Signer::from_pem(&generate_key_pem().unwrap()).unwrap()
}

fn verifier(signer: &Signer) -> Verifier {
    let verifier = Verifier::new(100);
    verifier.set_keys(&signer.jwks_json()).unwrap();
    verifier
}

fn issue(signer: &Signer) -> String {
    signer
        .issue(UserId::generate(), SessionId::generate(), NOW, HOUR)
        .unwrap()
        .0
}

#[test]
fn an_issued_token_says_who_and_which_session() {
    let signer = signer();
    let (user, session) = (UserId::generate(), SessionId::generate());
    let (token, issued) = signer.issue(user, session, NOW, HOUR).unwrap();
    let access = verifier(&signer).verify(&token, NOW).unwrap();
    assert_eq!((access.user_id, access.session_id), (user, session));
    assert_eq!(access, issued);
}

#[test]
fn a_token_ends_at_its_second_also_when_remembered() {
    let signer = signer();
    let verifier = verifier(&signer);
    let token = issue(&signer);
    let end = NOW.plus(HOUR);
    assert!(
        verifier
            .verify(&token, Timestamp::from_millis(end.as_millis() - 1))
            .is_ok()
    );
    assert_eq!(verifier.verify(&token, end), Err(TokenError::Expired));
}

#[test]
fn a_changed_token_is_refused_also_when_its_signature_is_remembered() {
    let signer = signer();
    let verifier = verifier(&signer);
    let (mine, other) = (issue(&signer), issue(&signer));
    verifier.verify(&mine, NOW).unwrap();
    let signature = mine.rsplit('.').next().unwrap();
    let claims = other.rsplit_once('.').unwrap().0;
    assert_eq!(
        verifier.verify(&format!("{claims}.{signature}"), NOW),
        Err(TokenError::Invalid)
    );
}

#[test]
fn forged_tokens_are_refused() {
    let signer = signer();
    let verifier = verifier(&signer);
    let token = issue(&signer);
    let claims = token.split('.').nth(1).unwrap();
    let none = format!("eyJhbGciOiJub25lIn0.{claims}.");
    // The classic confusion: HMAC keyed with the public key.
    let jwks: serde_json::Value = serde_json::from_str(&signer.jwks_json()).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = jwks["keys"][0]["kid"].as_str().map(str::to_owned);
    let public = jwks["keys"][0]["x"].as_str().unwrap();
    let payload = json!({ "iss": "anufy", "sub": UserId::generate(), "sid": SessionId::generate(), "iat": 0, "exp": 9_999_999_999_i64 });
    let confused = encode(
        &header,
        &payload,
        &EncodingKey::from_secret(public.as_bytes()),
    )
    .unwrap();
    for forged in [
        "",
        ".",
        "..",
        "a.b.c",
        &none,
        &confused,
        &"x".repeat(100_000),
        token.rsplit_once('.').unwrap().0,
    ] {
        assert_eq!(
            verifier.verify(forged, NOW),
            Err(TokenError::Invalid),
            "{forged}"
        );
    }
}

#[test]
fn a_token_of_a_withdrawn_key_is_refused() {
    let (old, new) = (signer(), signer());
    let verifier = verifier(&old);
    let token = issue(&old);
    verifier.verify(&token, NOW).unwrap();
    verifier.set_keys(&new.jwks_json()).unwrap();
    assert_eq!(verifier.verify(&token, NOW), Err(TokenError::UnknownKey));
    verifier.verify(&issue(&new), NOW).unwrap();
}
