//! Pages of other origins.

use testkit::{Method, Response};

use crate::support::Stack;

const ORIGINS: (&str, &str) = (
    "--cors-origins",
    "https://app.example,http://localhost:3000",
);

#[tokio::test]
async fn a_preflight_of_an_allowed_origin_is_answered_here() {
    let stack = Stack::with(&[ORIGINS]).await;
    let page = stack
        .stranger()
        .with_header("origin", "https://app.example")
        .with_header("access-control-request-method", "PATCH")
        .with_header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    let answer = page
        .send(page.request(Method::OPTIONS, "/api/users/me"))
        .await;
    assert_eq!(answer.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example"),
        (
            "access-control-allow-methods",
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        ),
        ("access-control-allow-headers", "authorization,content-type"),
        ("access-control-max-age", "600"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(answer.header("x-ratelimit-limit"), None);
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(stack.service.requests(), 0);
}

#[tokio::test]
async fn a_preflight_of_another_origin_is_refused() {
    for flags in [&[ORIGINS][..], &[]] {
        let stack = Stack::with(flags).await;
        let page = stack
            .stranger()
            .with_header("origin", "https://evil.example")
            .with_header("access-control-request-method", "GET");
        let answer = page
            .send(page.request(Method::OPTIONS, "/api/users/me"))
            .await;
        answer.expect_problem(403, "origin_not_allowed");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn answers_can_be_read_by_pages_of_allowed_origins_only() {
    let stack = Stack::with(&[ORIGINS]).await;
    for (origin, allowed) in [
        ("http://localhost:3000", Some("http://localhost:3000")),
        ("https://evil.example", None),
    ] {
        let page = stack.user().with_header("origin", origin);
        for answer in [page.get("/api/auth/me").await, page.get("/nowhere").await] {
            assert_eq!(answer.header("access-control-allow-origin"), allowed);
            assert_eq!(answer.header("vary"), Some("Origin"));
            let exposed = answer.header("access-control-expose-headers");
            assert_eq!(
                exposed.is_some_and(|list| list.contains("X-Request-Id")),
                allowed.is_some()
            );
        }
    }
}

fn listed(answer: &Response, header: &str) -> Vec<String> {
    let list = answer.header(header).unwrap_or_default().to_lowercase();
    list.split(", ").map(str::to_owned).collect()
}

#[tokio::test]
async fn a_page_may_send_and_read_the_headers_of_the_api() {
    let stack = Stack::with(&[ORIGINS]).await;
    let page = stack
        .user()
        .with_header("origin", "https://app.example")
        .with_header("access-control-request-method", "POST");
    let preflight = page.send(page.request(Method::OPTIONS, "/api/posts")).await;
    let may_send = listed(&preflight, "access-control-allow-headers");
    for name in [
        "authorization",
        "content-type",
        "idempotency-key",
        "if-none-match",
    ] {
        assert!(may_send.contains(&name.to_owned()), "{name}: {may_send:?}");
    }
    let answer = page.get("/api/posts/feed").await;
    let may_read = listed(&answer, "access-control-expose-headers");
    for name in ["etag", "idempotency-replayed", "retry-after", "x-cache"] {
        assert!(may_read.contains(&name.to_owned()), "{name}: {may_read:?}");
    }
}

#[tokio::test]
async fn options_that_is_no_preflight_is_a_request_like_others() {
    let stack = Stack::with(&[ORIGINS]).await;
    let stranger = stack.stranger();
    stranger
        .send(stranger.request(Method::OPTIONS, "/api/users/me"))
        .await
        .expect_problem(401, "missing_token");
    let user = stack.user();
    let echo = user
        .send(user.request(Method::OPTIONS, "/api/users/me"))
        .await
        .expect(200);
    assert_eq!(echo["method"], "OPTIONS");
}
