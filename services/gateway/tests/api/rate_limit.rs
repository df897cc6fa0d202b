//! How many requests a client may make, and what it is told.

use std::time::Duration;

use testkit::{Client, Response};

use crate::support::{Auth, Gateway, Redis, Service, Stack};

const PRODUCTION: (&str, &str) = ("--rate-limit-policy", "production");
const BEHIND_PROXY: (&str, &str) = ("--trusted-proxies", "127.0.0.0/8");

fn from(stack: &Stack, address: &str) -> Client {
    stack.stranger().with_header("x-forwarded-for", address)
}

fn quota(answer: &Response) -> (u16, String) {
    let remaining = answer.header("x-ratelimit-remaining").unwrap();
    (answer.status, remaining.to_owned())
}

#[tokio::test]
async fn every_answer_says_what_is_left() {
    let stack = Stack::with(&[PRODUCTION]).await;
    let before = runtime::Clock::now(&stack.gateway.clock).as_secs();
    let answer = stack.stranger().post_empty("/api/auth/register").await;
    assert_eq!(answer.header("x-ratelimit-limit"), Some("100"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("99"));
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some("\"100-in-15min\"; q=100; w=900")
    );
    assert_eq!(
        answer.header("ratelimit"),
        Some("\"100-in-15min\"; r=99; t=900")
    );
    let reset: i64 = answer.header("x-ratelimit-reset").unwrap().parse().unwrap();
    assert!((900..=910).contains(&(reset - before)), "{reset} {before}");

    let unknown = stack.stranger().get("/nowhere").await;
    assert_eq!(quota(&unknown), (404, "98".to_owned()));
    let refused = stack.stranger().get("/api/auth/me").await;
    assert_eq!(quota(&refused), (401, "97".to_owned()));
}

#[tokio::test]
async fn logins_have_a_stricter_limit_of_their_own() {
    let stack = Stack::with(&[PRODUCTION]).await;
    let log_in = async || stack.stranger().post_empty("/api/Auth/Login/").await;
    for left in (0..30).rev() {
        assert_eq!(quota(&log_in().await), (200, left.to_string()));
    }
    let refused = log_in().await;
    refused.expect_problem(429, "rate_limited");
    assert_eq!(refused.header("x-ratelimit-limit"), Some("30"));
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"30-in-15min\"; q=30; w=900")
    );
    let other = stack.stranger().post_empty("/api/auth/register").await;
    assert_eq!(quota(&other), (200, "99".to_owned()));
}

#[tokio::test]
async fn the_request_over_the_limit_is_refused_whoever_makes_it() {
    let stack = Stack::with(&[PRODUCTION]).await;
    let user = stack.user();
    for count in 1..=100 {
        let client = if count % 2 == 0 {
            &user
        } else {
            &stack.stranger()
        };
        let answer = client.get("/api/auth/me").await;
        assert_eq!(
            answer.header("x-ratelimit-remaining").unwrap(),
            (100 - count).to_string()
        );
        assert_ne!(answer.status, 429);
    }
    let answer = user.get("/api/auth/me").await;
    answer.expect_problem(429, "rate_limited");
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((880..=900).contains(&wait), "{wait}");
    stack
        .stranger()
        .with_token("bad")
        .get("/api/auth/me")
        .await
        .expect_problem(429, "rate_limited");
    assert_eq!(stack.service.requests(), 50);

    stack.stranger().get("/readyz").await.expect(200);
    stack.stranger().get("/livez").await.expect(200);
}

#[tokio::test]
async fn gateways_count_together() {
    let (service, auth, redis) = (
        Service::start().await,
        Auth::start().await,
        Redis::open().await,
    );
    let flags = [("--redis-url", redis.url.as_str()), PRODUCTION];
    let one = Gateway::start(&service, &auth, &flags).await;
    let two = Gateway::start(&service, &auth, &flags).await;
    for (gateway, remaining) in [(&one, "99"), (&two, "98"), (&one, "97")] {
        let answer = gateway.client().post_empty("/api/auth/register").await;
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
    }
}

#[tokio::test]
async fn a_window_ends_and_is_not_prolonged() {
    let stack = Stack::with(&[PRODUCTION]).await;
    let login = async || stack.stranger().post_empty("/api/auth/register").await;
    login().await;
    let key = cache::keys::rate_limit("production", "127.0.0.1");
    let first: i64 = stack.redis.run(&["PEXPIRETIME", &key]).await;
    login().await;
    let second: i64 = stack.redis.run(&["PEXPIRETIME", &key]).await;
    assert_eq!(first, second);

    let _: bool = stack.redis.run(&["PEXPIRE", &key, "1"]).await;
    testkit::eventually(Duration::from_secs(5), async || {
        let left: i64 = stack.redis.run(&["PTTL", &key]).await;
        left < 0
    })
    .await;
    assert_eq!(login().await.header("x-ratelimit-remaining"), Some("99"));
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart() {
    let stack = Stack::with(&[PRODUCTION, BEHIND_PROXY]).await;
    for (address, remaining) in [
        ("203.0.113.1", "99"),
        ("203.0.113.2", "99"),
        ("9.9.9.9, 203.0.113.1", "98"),
        ("2001:db8:1:200::1", "99"),
        ("2001:db8:1:2ff::2", "98"),
        ("2001:db8:1:300::1", "99"),
    ] {
        let answer = from(&stack, address).post_empty("/api/auth/register").await;
        assert_eq!(
            answer.header("x-ratelimit-remaining"),
            Some(remaining),
            "{address}"
        );
    }
}

#[tokio::test]
async fn a_client_cannot_choose_its_address() {
    let stack = Stack::with(&[PRODUCTION]).await;
    for (address, remaining) in [("203.0.113.1", "99"), ("203.0.113.2", "98")] {
        let answer = from(&stack, address).post_empty("/api/auth/register").await;
        assert_eq!(
            answer.header("x-ratelimit-remaining"),
            Some(remaining),
            "{address}"
        );
    }
}

#[tokio::test]
async fn the_local_policy_is_generous() {
    let stack = Stack::start().await;
    let answer = stack.stranger().post_empty("/api/auth/register").await;
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some("\"100000-in-1min\"; q=100000; w=60")
    );
}
