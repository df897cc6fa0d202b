//! Clients that are slow, idle, or too many.

use std::time::{Duration, Instant};

use testkit::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{SOON, Stack};

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_head_that_trickles_is_given_up() {
    let stack = Stack::with(&[("--header-timeout", "300ms")]).await;
    let (mut read, mut write) = stack.raw().await.into_stream().into_split();
    let trickle = tokio::spawn(async move {
        write
            .write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\nX: ")
            .await?;
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            write.write_all(b"x\r\nX: ").await?;
        }
        #[expect(unreachable_code, reason = "names the type of the error")]
        std::io::Result::Ok(())
    });
    let started = Instant::now();
    let mut answer = Vec::new();
    let _ = read.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"code\":\"request_timeout\""), "{answer}");
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    trickle.abort();
}

#[tokio::test]
async fn a_second_head_has_its_own_time() {
    let stack = Stack::with(&[("--header-timeout", "300ms"), ("--idle-timeout", "20s")]).await;
    let mut raw = stack.raw().await;
    raw.write(LIVEZ).await;
    assert_eq!(raw.answer().await.status, 200);
    raw.write("GET /livez HTT").await;
    assert_eq!(raw.answer().await.code(), "request_timeout");
    raw.closed().await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_without_a_word() {
    let stack = Stack::with(&[("--header-timeout", "200ms")]).await;
    stack.raw().await.closed().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let stack = Stack::with(&[("--idle-timeout", "300ms"), ("--header-timeout", "20s")]).await;
    let mut raw = stack.raw().await;
    for _ in 0..3 {
        raw.write(LIVEZ).await;
        assert_eq!(raw.answer().await.status, 200);
    }
    let idle_since = Instant::now();
    raw.closed().await;
    assert!(
        idle_since.elapsed() > Duration::from_millis(250),
        "{:?}",
        idle_since.elapsed()
    );
}

#[tokio::test]
async fn a_connection_that_waits_for_its_answer_is_not_idle() {
    let flags = [
        ("--idle-timeout", "100ms"),
        ("--header-timeout", "100ms"),
        ("--write-timeout", "100ms"),
    ];
    let stack = Stack::with(&flags).await;
    let mut raw = stack.raw().await;
    let token = stack.token(domain::SessionId::generate());
    raw.write(format!(
        "GET /api/users/hold HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"
    ))
    .await;
    eventually(SOON, async || stack.service.requests() == 1).await;
    let since = Instant::now();
    eventually(SOON, async || since.elapsed() > Duration::from_millis(400)).await;
    stack.service.release(1);
    assert_eq!(raw.answer().await.body, "held");
}

#[tokio::test]
async fn connections_over_the_limit_are_told_so() {
    let stack = Stack::with(&[("--max-connections", "2")]).await;
    // The client that waited for readiness may still have a connection open.
    eventually(SOON, async || {
        let mut first = stack.raw().await;
        first.write(LIVEZ).await;
        first
            .try_answer()
            .await
            .is_ok_and(|answer| answer.status == 200)
    })
    .await;
    let mut open = Vec::new();
    let refused = loop {
        let mut raw = stack.raw().await;
        raw.write(LIVEZ).await;
        let answer = raw.answer().await;
        if answer.status != 200 {
            raw.closed().await;
            break answer;
        }
        open.push(raw);
    };
    assert!(open.len() <= 2);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "too_many_connections")
    );
    assert_eq!(refused.header("retry-after"), Some("1"));

    drop(open);
    eventually(SOON, async || {
        let mut raw = stack.raw().await;
        raw.write(LIVEZ).await;
        raw.try_answer()
            .await
            .is_ok_and(|answer| answer.status == 200)
    })
    .await;
}
