//! Bodies on their way in.

use std::time::Duration;

use testkit::eventually;

use crate::support::{SOON, Stack};

const LIMIT: (&str, &str) = ("--max-body-bytes", "1000");

fn post(path: &str, headers: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
}

fn login(headers: &str) -> String {
    post("/api/auth/login", headers)
}

#[tokio::test]
async fn a_body_within_the_limit_arrives_whole() {
    let stack = Stack::with(&[LIMIT]).await;
    for body in ["x".repeat(1000), String::new()] {
        let request = login(&format!("Content-Length: {}\r\n", body.len())) + &body;
        assert_eq!(stack.ask(request).await.json()["body_length"], body.len());
        let chunk = format!("{:x}\r\n{body}\r\n", body.len());
        let chunk = if body.is_empty() {
            String::new()
        } else {
            chunk
        };
        let request = login("Transfer-Encoding: chunked\r\n") + &chunk + "0\r\n\r\n";
        assert_eq!(stack.ask(request).await.json()["body_length"], body.len());
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let stack = Stack::with(&[LIMIT]).await;
    let mut raw = stack.raw().await;
    raw.write(login("Content-Length: 1001\r\n")).await;
    let answer = raw.answer().await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "payload_too_large")
    );
    assert_eq!(stack.service.requests(), 0);

    let mut raw = stack.raw().await;
    raw.write(login("Transfer-Encoding: chunked\r\n")).await;
    let chunk = format!("64\r\n{}\r\n", "x".repeat(100));
    for _ in 0..11 {
        raw.write(&chunk).await;
    }
    let answer = raw.answer().await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "payload_too_large")
    );
    assert!(answer.says_close());
    raw.closed().await;
}

#[tokio::test]
async fn the_refusal_reaches_a_client_that_is_still_sending() {
    let stack = Stack::start().await;
    for _ in 0..5 {
        let mut raw = stack.raw().await;
        raw.write(login("Content-Length: 8000000\r\n")).await;
        // The kernel resets a connection that is closed with bytes unread.
        raw.write(vec![b'x'; 2_000_000]).await;
        assert_eq!(raw.answer().await.status, 413);
        raw.closed().await;
    }
}

#[tokio::test]
async fn a_body_too_large_is_not_asked_for() {
    let stack = Stack::with(&[LIMIT]).await;
    let mut raw = stack.raw().await;
    raw.write(login("Content-Length: 5000\r\nExpect: 100-continue\r\n"))
        .await;
    assert_eq!(raw.answer().await.status, 413);
}

#[tokio::test]
async fn a_client_may_wait_until_its_body_is_asked_for() {
    let stack = Stack::start().await;
    let mut raw = stack.raw().await;
    raw.write(login("Content-Length: 5\r\nExpect: 100-continue\r\n"))
        .await;
    assert_eq!(raw.answer().await.status, 100);
    raw.write("hello").await;
    assert_eq!(raw.answer().await.json()["body"], "hello");
}

#[tokio::test]
async fn a_refused_request_does_not_wait_for_its_body() {
    let stack = Stack::start().await;
    let mut raw = stack.raw().await;
    raw.write(post("/api/users/1", "Content-Length: 500\r\n"))
        .await;
    let answer = raw.answer().await;
    assert_eq!(answer.code(), "missing_token");
    assert!(answer.says_close());
    raw.closed().await;
}

#[tokio::test]
async fn the_service_may_answer_before_the_body_has_ended() {
    let stack = Stack::start().await;
    let mut raw = stack.raw().await;
    let token = stack.token(domain::SessionId::generate());
    raw.write(post(
        "/api/users/early",
        &format!("Authorization: Bearer {token}\r\nContent-Length: 500\r\n"),
    ))
    .await;
    let answer = raw.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "early"));
    assert!(answer.says_close());
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let stack = Stack::with(&[("--min-body-rate", "1000"), ("--body-grace", "200ms")]).await;
    for framing in [
        "Content-Length: 100000\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        let mut raw = stack.raw().await;
        raw.write(login(framing)).await;
        raw.write("5\r\nhello\r\n").await;
        let answer = raw.answer().await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (408, "request_timeout")
        );
        raw.closed().await;
    }
    eventually(SOON, async || stack.service.open() == 0).await;
}

#[tokio::test]
async fn a_body_that_keeps_the_rate_may_take_its_time() {
    let stack = Stack::with(&[("--min-body-rate", "1000"), ("--body-grace", "300ms")]).await;
    let mut raw = stack.raw().await;
    raw.write(login("Content-Length: 10000\r\n")).await;
    // Three times the grace in all, at ten times the rate.
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..20 {
        ticks.tick().await;
        raw.write([b'x'; 500]).await;
    }
    assert_eq!(raw.answer().await.json()["body_length"], 10_000);
}

#[tokio::test]
async fn an_upload_may_take_longer_than_an_answer() {
    let stack = Stack::with(&[("--upstream-response-timeout", "400ms")]).await;
    let mut raw = stack.raw().await;
    raw.write(login("Content-Length: 1000\r\n")).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..10 {
        ticks.tick().await;
        raw.write([b'x'; 100]).await;
    }
    assert_eq!(raw.answer().await.json()["body_length"], 1000);
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_the_request() {
    let stack = Stack::start().await;
    let mut raw = stack.raw().await;
    raw.write(login("Content-Length: 500\r\n")).await;
    raw.write("hello").await;
    eventually(SOON, async || stack.service.requests() == 1).await;
    drop(raw);
    eventually(SOON, async || stack.service.open() == 0).await;
}

#[tokio::test]
async fn trailers_are_not_smuggled_in_as_headers() {
    let stack = Stack::start().await;
    let request = login("Transfer-Encoding: chunked\r\nTrailer: X-Anufy-User-Id\r\n")
        + "5\r\nhello\r\n0\r\nX-Anufy-User-Id: 1\r\n\r\n";
    let answer = stack.ask(request).await;
    assert_eq!(answer.json()["body"], "hello");
    assert!(!answer.body.contains("x-anufy-user-id"), "{}", answer.body);
}
