//! Who may pass: access tokens at the door.

use std::time::Duration;

use domain::SessionId;
use testkit::eventually;

use crate::support::{Auth, Gateway, Redis, SOON, Service, Stack, echoed};

#[tokio::test]
async fn a_protected_route_needs_a_token() {
    let stack = Stack::start().await;
    for path in ["/api/auth/me", "/api/users/1", "/api/auth/login"] {
        let answer = stack.stranger().get(path).await;
        answer.expect_problem(401, "missing_token");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(stack.service.requests(), 0);
}

#[tokio::test]
async fn a_valid_token_passes_and_is_forwarded_as_it_is() {
    let stack = Stack::start().await;
    let token = stack.token(SessionId::generate());
    let user = stack.stranger().with_token(&token);
    for _ in 0..2 {
        let echo = user.get("/api/auth/me").await.expect(200);
        assert_eq!(
            echoed(&echo, "authorization"),
            Some(format!("Bearer {token}"))
        );
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused() {
    let stack = Stack::start().await;
    let stranger_to_us = Auth::start().await;
    let now = runtime::Clock::now(&stack.gateway.clock);
    let foreign = stranger_to_us.token(domain::UserId::generate(), SessionId::generate(), now);
    let mut changed = stack.token(SessionId::generate());
    changed.pop();
    for token in ["nonsense", &foreign, &changed] {
        let answer = stack.stranger().with_token(token).get("/api/auth/me").await;
        answer.expect_problem(401, "token_invalid");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let other_scheme = stack.stranger().with_header("authorization", "Basic YTpi");
    other_scheme
        .get("/api/auth/me")
        .await
        .expect_problem(401, "missing_token");
    assert_eq!(stack.service.requests(), 0);
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let stack = Stack::start().await;
    let user = stack.user();
    user.get("/api/auth/me").await.expect(200);
    stack.gateway.clock.advance(Duration::from_secs(3601));
    user.get("/api/auth/me")
        .await
        .expect_problem(401, "token_expired");
}

#[tokio::test]
async fn two_authorizations_are_one_too_many() {
    let stack = Stack::start().await;
    let token = stack.token(SessionId::generate());
    let answer = stack
        .ask(format!(
            "GET /api/auth/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nAuthorization: Bearer other\r\n\r\n"
        ))
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "bad_request")
    );
}

#[tokio::test]
async fn an_open_route_needs_no_token_and_does_not_look_at_one() {
    let stack = Stack::start().await;
    let session = SessionId::generate();
    stack.redis.revoke(session).await;
    for client in [
        stack.stranger(),
        stack.stranger().with_token("nonsense"),
        stack.user_in(session),
    ] {
        client.post_empty("/api/auth/login").await.expect(200);
        client.post_empty("/api/auth/register").await.expect(200);
        client.get("/.well-known/jwks.json").await.expect(200);
    }
    let nonsense = stack.stranger().with_token("nonsense");
    let echo = nonsense.post_empty("/api/auth/login").await.expect(200);
    assert_eq!(
        echoed(&echo, "authorization").as_deref(),
        Some("Bearer nonsense")
    );
}

#[tokio::test]
async fn until_the_keys_are_known_nobody_is_turned_away_for_good() {
    let (service, auth, redis) = (
        Service::start().await,
        Auth::start().await,
        Redis::open().await,
    );
    redis.set_loaded().await;
    auth.fail(true);
    let gateway = Gateway::launch(&service, &auth, &[("--redis-url", &redis.url)]).await;
    let now = runtime::Clock::now(&gateway.clock);
    let token = auth.token(domain::UserId::generate(), SessionId::generate(), now);
    let user = gateway.client().with_token(&token);

    let answer = user.get("/api/auth/me").await;
    answer.expect_problem(503, "upstream_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let readiness = gateway.client().get("/readyz").await;
    assert_eq!(readiness.expect(503)["status"], "starting");
    gateway
        .client()
        .post_empty("/api/auth/login")
        .await
        .expect(200);

    auth.fail(false);
    eventually(SOON, async || user.get("/api/auth/me").await.status == 200).await;
    eventually(SOON, async || {
        gateway.client().get("/readyz").await.status == 200
    })
    .await;
}
