//! What operators see of a request.

use domain::SessionId;
use testkit::{Client, eventually, eventually_some};

use crate::support::{SOON, Stack, instruments, request_id};

/// The line of the request with this id.
async fn line(id: &str) -> serde_json::Value {
    let lines = eventually_some(SOON, async || {
        let lines = instruments().lines_with(id);
        (!lines.is_empty()).then_some(lines)
    })
    .await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

fn named(client: &Client, id: &str) -> Client {
    client
        .clone()
        .with_header("x-request-id", id.to_owned().leak())
}

#[tokio::test]
async fn a_request_is_one_line_without_secrets() {
    let stack = Stack::start().await;
    let id = request_id();
    let token = stack.token(SessionId::generate());
    let user = named(&stack.stranger().with_token(&token), &id);
    let answer = user
        .post(
            "/api/users/1?code=s3cret",
            &serde_json::json!({ "password": "hunter2" }),
        )
        .await;
    answer.expect(200);

    let line = line(&id).await;
    assert_eq!(line["message"], "request");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["method"], "POST");
    assert_eq!(line["path"], "/api/users/1");
    assert_eq!(line["route"], "/api/users");
    assert_eq!(line["status"], 200);
    assert_eq!(line["bytes"], answer.body.len());
    assert_eq!(line["complete"], true);
    assert_eq!(line["upstream"], "auth");
    assert_eq!(line["request_id"], id);
    assert_eq!(line["client.address"], "127.0.0.1");
    assert_eq!(line["user.id"].as_str().map(str::len), Some(24));
    assert!(line["duration_ms"].is_u64());
    for secret in [token.as_str(), "s3cret", "hunter2"] {
        assert_eq!(
            instruments().lines_with(secret),
            Vec::<serde_json::Value>::new()
        );
    }
}

#[tokio::test]
async fn a_refusal_is_a_line_too() {
    let stack = Stack::start().await;
    for (path, status) in [
        ("/api/users/1", 401),
        ("/nowhere", 404),
        ("/api/users//1", 400),
    ] {
        let id = request_id();
        named(&stack.stranger(), &id).get(path).await;
        let line = line(&id).await;
        assert_eq!(line["status"], status);
        assert_eq!(line.get("upstream"), None);
        assert_eq!(line.get("user.id"), None);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_a_line_too() {
    let stack = Stack::start().await;
    let id = request_id();
    let token = stack.token(SessionId::generate());
    let mut raw = stack.raw().await;
    raw.write(format!(
        "GET /api/users/never HTTP/1.1\r\nHost: a\r\nX-Request-Id: {id}\r\nAuthorization: Bearer {token}\r\n\r\n"
    ))
    .await;
    eventually(SOON, async || stack.service.requests() == 1).await;
    drop(raw);
    let line = line(&id).await;
    assert_eq!(line["status"], 499);
    assert_eq!(line["complete"], false);
}

#[tokio::test]
async fn a_fresh_request_id_sorts_by_time() {
    let stack = Stack::start().await;
    let id = async || {
        let answer = stack.stranger().get("/livez").await;
        answer
            .header("x-request-id")
            .unwrap()
            .parse::<uuid::Uuid>()
            .unwrap()
    };
    let (first, second) = (id().await, id().await);
    assert_eq!(first.get_version_num(), 7);
    assert!(first < second);
}

#[tokio::test]
async fn requests_connections_and_decisions_are_measured() {
    let stack = Stack::start().await;
    let user = stack.user();
    user.get("/api/users/1").await.expect(200);
    user.get("/nowhere").await.expect_problem(404, "not_found");
    let refused = stack.ask("GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(refused.status, 400);
    let address = stack.service.address.to_string();
    for wanted in [
        vec![
            "http_server_duration_seconds_count",
            "service=\"gateway\"",
            "route=\"/api/users\"",
            "method=\"GET\"",
            "status=\"200\"",
        ],
        vec![
            "http_server_duration_seconds_count",
            "route=\"none\"",
            "status=\"404\"",
        ],
        vec!["gateway_requests_in_flight"],
        vec!["gateway_connections"],
        vec![
            "gateway_rate_limit_decisions_total",
            "decision=\"allowed\"",
            "source=\"redis\"",
        ],
        vec!["gateway_requests_refused_total", "code=\"missing_host\""],
        vec!["gateway_upstream_up", "upstream=\"auth\"", &address],
    ] {
        eventually(SOON, async || {
            let metrics = stack.gateway.metrics().await;
            metrics
                .lines()
                .any(|line| wanted.iter().all(|part| line.contains(part)))
        })
        .await;
    }
}
