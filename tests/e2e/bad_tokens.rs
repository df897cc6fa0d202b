//! A token is good only if auth signed it, for now, for a login that lives.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{SessionId, Timestamp, UserId};
use ed25519_dalek::{Signer as _, SigningKey, pkcs8::DecodePrivateKey};
use runtime::Clock;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::Stack;
use tokens::Signer;

use crate::operations::{inside, operations};

const HOUR: Duration = Duration::from_hours(1);

fn encoded(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

fn parts(token: &str) -> (Value, Value, String) {
    let mut parts = token.split('.');
    let mut json =
        || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap()).unwrap();
    let (header, claims) = (json(), json());
    (header, claims, parts.next().unwrap().to_owned())
}

fn joined(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        encoded(header.to_string()),
        encoded(claims.to_string())
    )
}

/// HMAC-SHA256 (RFC 2104), which every other party to this forgery has, too.
fn hs256(key: &[u8], message: &str) -> String {
    let key = if key.len() > 64 {
        Sha256::digest(key).to_vec()
    } else {
        key.to_vec()
    };
    let pad = |with: u8| -> Vec<u8> {
        (0..64)
            .map(|at| key.get(at).copied().unwrap_or(0) ^ with)
            .collect()
    };
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(message)
        .finalize();
    encoded(
        Sha256::new()
            .chain_update(pad(0x5c))
            .chain_update(inner)
            .finalize(),
    )
}

/// Every operation that is for accounts, at the gateway and at its service.
async fn refuses(stack: &Stack, authorization: Option<&str>, code: &str, what: &str) {
    for operation in operations().iter().filter(|it| !it.is_public) {
        for client in [stack.anonymous(), inside(stack, operation.service)] {
            let client = match authorization {
                Some(value) => client.with_header("authorization", value),
                None => client,
            };
            let answer = operation.ask(&client).await;
            let seen = (answer.status, answer.problem_code());
            let name = operation.name;
            assert_eq!(seen, (401, code.to_owned()), "{what}, {name}: {answer:?}");
            let _ = answer.problem();
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, Some("Bearer"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn without_a_bearer_token_there_is_no_caller() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    refuses(&stack, None, "missing_token", "no header").await;
    for value in [
        "",
        "Basic YTpi",
        "Bearer",
        &ana.token,
        &format!("Token {}", ana.token),
    ] {
        refuses(&stack, Some(value), "missing_token", value).await;
    }
    ana.me().await;
}

#[tokio::test]
async fn what_is_not_a_token_is_refused() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let (header, _, signature) = parts(&ana.token);
    let start = ana.token.rsplit_once('.').unwrap().0;
    let array = format!(
        "{}.{}.{signature}",
        encoded(header.to_string()),
        encoded("[]")
    );
    let long = format!("{}{}", ana.token, "A".repeat(4000));
    for token in [
        "x",
        "..",
        "a.b",
        "a.b.c",
        "null",
        "é.é.é",
        &"a.".repeat(1000),
        &long,
        &array,
        start,
        &format!("{start}."),
        &format!("{start}.AAAA"),
        &format!("{}x", ana.token),
        &format!("{}=", ana.token),
        &format!(".{}", ana.token),
        &format!("{},{}", ana.token, ana.token),
    ] {
        if token.is_ascii() {
            refuses(
                &stack,
                Some(&format!("Bearer {token}")),
                "token_invalid",
                token,
            )
            .await;
        }
    }
    ana.me().await;
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    // Both doors have seen and remembered the real ones.
    ana.me().await;
    bo.me().await;
    let (header, claims, signature) = parts(&ana.token);
    let mut elevated = claims.clone();
    elevated["sub"] = bo.id.as_str().into();
    let mut prolonged = claims.clone();
    prolonged["exp"] = 9_999_999_999_u64.into();
    let (_, others, _) = parts(&bo.token);
    for claims in [elevated, prolonged, others] {
        let token = format!("Bearer {}.{signature}", joined(&header, &claims));
        refuses(&stack, Some(&token), "token_invalid", "changed claims").await;
    }
}

#[tokio::test]
async fn the_algorithm_is_not_for_the_token_to_choose() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let (header, claims, signature) = parts(&ana.token);
    let keys = stack.anonymous().get("/.well-known/jwks.json").await;
    let public = keys.json()["keys"][0]["x"].as_str().unwrap().to_owned();
    let public_bytes = URL_SAFE_NO_PAD.decode(&public).unwrap();

    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let mut header = header.clone();
        header["alg"] = alg.into();
        for signature in ["", &signature] {
            let token = format!("Bearer {}.{signature}", joined(&header, &claims));
            refuses(&stack, Some(&token), "token_invalid", alg).await;
        }
    }
    let mut symmetric = header.clone();
    symmetric["alg"] = "HS256".into();
    for key in [public.as_bytes(), &public_bytes, &keys.body, b""] {
        let signed = joined(&symmetric, &claims);
        let token = format!("Bearer {signed}.{}", hs256(key, &signed));
        refuses(
            &stack,
            Some(&token),
            "token_invalid",
            "HS256 with the public key",
        )
        .await;
    }
    for alg in ["HS512", "RS256", "ES256", "PS256"] {
        let mut header = header.clone();
        header["alg"] = alg.into();
        let token = format!("Bearer {}.{signature}", joined(&header, &claims));
        refuses(&stack, Some(&token), "token_invalid", alg).await;
    }
}

#[tokio::test]
async fn a_key_that_the_token_brings_is_not_trusted() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let (header, claims, _) = parts(&ana.token);
    let own = SigningKey::from_bytes(&[7; 32]);
    let jwk =
        json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(own.verifying_key().as_bytes()) });
    let sign = |header: &Value| {
        let signed = joined(header, &claims);
        let signature = encoded(own.sign(signed.as_bytes()).to_bytes());
        format!("Bearer {signed}.{signature}")
    };
    for (name, value) in [
        ("jwk", jwk),
        ("jku", "https://evil.example/jwks.json".into()),
        ("x5u", "https://evil.example/cert".into()),
        ("kid", "../../dev/null".into()),
        ("kid", "' or 1=1".into()),
        ("kid", Value::Null),
        ("kid", json!({ "$ne": null })),
        ("crit", json!(["exp"])),
    ] {
        let mut header = header.clone();
        header[name] = value;
        refuses(&stack, Some(&sign(&header)), "token_invalid", name).await;
    }
}

#[tokio::test]
async fn a_token_of_another_deployment_is_refused() {
    let stack = Stack::start().await;
    let pem = tokens::generate_key_pem().unwrap();
    let other = Signer::from_pem(&pem).unwrap();
    let now = runtime::SystemClock.now();
    let (token, _) = other
        .issue(UserId::generate(), SessionId::generate(), now, HOUR)
        .unwrap();
    refuses(
        &stack,
        Some(&format!("Bearer {token}")),
        "token_invalid",
        "another key",
    )
    .await;

    // The same, claiming to be signed with our key.
    let ana = stack.user("ana").await;
    let (header, claims, _) = parts(&ana.token);
    let key = SigningKey::from_pkcs8_pem(pem.expose_secret().trim()).unwrap();
    let signed = joined(&header, &claims);
    let token = format!(
        "Bearer {signed}.{}",
        encoded(key.sign(signed.as_bytes()).to_bytes())
    );
    refuses(
        &stack,
        Some(&token),
        "token_invalid",
        "our name on another key",
    )
    .await;
}

#[tokio::test]
async fn claims_that_are_missing_or_wrong_are_refused_even_when_signed() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let (header, claims, _) = parts(&ana.token);
    let key = SigningKey::from_pkcs8_pem(stack.signing_key().expose_secret().trim()).unwrap();
    let sign = |claims: &Value| {
        let signed = joined(&header, claims);
        format!(
            "Bearer {signed}.{}",
            encoded(key.sign(signed.as_bytes()).to_bytes())
        )
    };
    for claim in ["iss", "sub", "sid", "exp"] {
        let mut missing = claims.clone();
        missing.as_object_mut().unwrap().remove(claim);
        refuses(&stack, Some(&sign(&missing)), "token_invalid", claim).await;
        for value in [Value::Null, json!(true), json!({}), json!("x")] {
            let mut wrong = claims.clone();
            wrong[claim] = value;
            refuses(&stack, Some(&sign(&wrong)), "token_invalid", claim).await;
        }
    }
    let resigned = stack
        .anonymous()
        .with_header("authorization", &sign(&claims));
    resigned.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn an_expired_token_is_told_apart() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let issued = Timestamp::from_millis(runtime::SystemClock.now().as_millis() - 7_200_000);
    let user_id: UserId = ana.id.parse().unwrap();
    let (token, _) = stack
        .signer()
        .issue(user_id, SessionId::generate(), issued, HOUR)
        .unwrap();
    refuses(
        &stack,
        Some(&format!("Bearer {token}")),
        "token_expired",
        "an old token",
    )
    .await;
}

#[tokio::test]
async fn a_token_that_auth_signed_for_nobody_finds_nobody() {
    let stack = Stack::start().await;
    let now = runtime::SystemClock.now();
    let (token, _) = stack
        .signer()
        .issue(UserId::generate(), SessionId::generate(), now, HOUR)
        .unwrap();
    let nobody = stack.anonymous().with_token(&token);
    for answer in [
        nobody.get("/api/auth/me").await,
        nobody.patch("/api/users/me", &json!({ "bio": "x" })).await,
    ] {
        assert!(matches!(answer.status, 401 | 404), "{answer:?}");
        let _ = answer.problem();
    }
}
