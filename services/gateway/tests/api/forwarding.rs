//! What a service gets, and what a client gets back.

use domain::SessionId;
use testkit::eventually;

use crate::support::{CREDENTIAL, Raw, SOON, Stack, echoed, request_id};

fn get(path: &str, token: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: anufy.example\r\nAuthorization: Bearer {token}\r\n{headers}\r\n"
    )
}

#[tokio::test]
async fn a_service_learns_where_a_request_comes_from() {
    let stack = Stack::start().await;
    let id = request_id();
    let request = get(
        "/api/users/1",
        &stack.token(SessionId::generate()),
        &format!("X-Request-Id: {id}\r\n"),
    );
    let answer = stack.ask(request).await;
    let echo = answer.json();
    let told = |name| echoed(&echo, name);
    assert_eq!(
        told("x-anufy-service-credential").as_deref(),
        Some(CREDENTIAL)
    );
    assert_eq!(told("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(told("x-forwarded-proto").as_deref(), Some("http"));
    assert_eq!(told("x-forwarded-host").as_deref(), Some("anufy.example"));
    assert_eq!(told("host").as_deref(), Some("anufy.example"));
    assert_eq!(told("x-request-id").as_deref(), Some(id.as_str()));
    assert_eq!(answer.header("x-request-id"), Some(id.as_str()));
}

#[tokio::test]
async fn a_client_cannot_speak_for_the_gateway() {
    let stack = Stack::start().await;
    let forged = concat!(
        "X-Anufy-Service-Credential: guess\r\nX-Anufy-User-Id: 1\r\nX-Real-Ip: 1.2.3.4\r\n",
        "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n",
        "Forwarded: for=1.2.3.4\r\nX-Request-Id: \"quoted\"\r\n",
    );
    let echo = stack
        .ask(get(
            "/api/users/1",
            &stack.token(SessionId::generate()),
            forged,
        ))
        .await
        .json();
    let told = |name| echoed(&echo, name);
    assert_eq!(
        told("x-anufy-service-credential").as_deref(),
        Some(CREDENTIAL)
    );
    assert_eq!(told("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(told("x-forwarded-proto").as_deref(), Some("http"));
    assert_eq!(told("x-forwarded-host").as_deref(), Some("anufy.example"));
    assert_eq!(told("x-request-id").map(|id| id.len()), Some(36));
    for gone in ["x-anufy-user-id", "x-real-ip", "forwarded"] {
        assert_eq!(told(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_speaks_for_its_clients() {
    let stack = Stack::with(&[("--trusted-proxies", "127.0.0.1,10.0.0.0/8")]).await;
    let headers = "X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.0.0.3\r\nX-Forwarded-Proto: https\r\n";
    let echo = stack
        .ask(get(
            "/api/users/1",
            &stack.token(SessionId::generate()),
            headers,
        ))
        .await
        .json();
    assert_eq!(
        echoed(&echo, "x-forwarded-for").as_deref(),
        Some("203.0.113.7")
    );
    assert_eq!(echoed(&echo, "x-forwarded-proto").as_deref(), Some("https"));
}

#[tokio::test]
async fn headers_of_the_connection_stay_on_it() {
    let stack = Stack::start().await;
    let headers = concat!(
        "Connection: keep-alive, X-Hop\r\nConnection: Upgrade\r\nX-Hop: 1\r\nUpgrade: websocket\r\n",
        "Keep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Connection: x\r\nIdempotency-Key: k-1\r\n",
    );
    let mut raw = stack.raw().await;
    raw.write(get(
        "/api/users/1",
        &stack.token(SessionId::generate()),
        headers,
    ))
    .await;
    let echo = raw.answer().await.json();
    for gone in [
        "connection",
        "x-hop",
        "upgrade",
        "keep-alive",
        "te",
        "proxy-connection",
    ] {
        assert_eq!(echoed(&echo, gone), None, "{gone}");
    }
    assert_eq!(echoed(&echo, "idempotency-key").as_deref(), Some("k-1"));

    raw.write(get(
        "/api/users/headers",
        &stack.token(SessionId::generate()),
        "",
    ))
    .await;
    let answer = raw.answer().await;
    for gone in [
        "server",
        "x-powered-by",
        "x-hop",
        "keep-alive",
        "x-anufy-internal",
    ] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    assert_eq!(answer.header("x-cache"), Some("HIT"));
}

#[tokio::test]
async fn every_answer_has_the_security_headers_once() {
    let stack = Stack::start().await;
    let user = stack.user();
    for path in ["/api/users/1", "/api/users/headers", "/nowhere", "/livez"] {
        let answer = user.get(path).await;
        for (name, value) in [
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("origin-agent-cluster", "?1"),
            ("referrer-policy", "no-referrer"),
            (
                "strict-transport-security",
                "max-age=31536000; includeSubDomains",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-dns-prefetch-control", "off"),
            ("x-download-options", "noopen"),
            ("x-frame-options", "SAMEORIGIN"),
            ("x-permitted-cross-domain-policies", "none"),
            ("x-xss-protection", "0"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let policies: Vec<_> = answer
            .headers
            .get_all("content-security-policy")
            .iter()
            .collect();
        let own = path.ends_with("/headers");
        assert_eq!(policies.len(), 1, "{path}");
        assert_eq!(policies[0] == "default-src 'none'", own, "{path}");
    }
}

#[tokio::test]
async fn answers_without_a_body_end_where_they_should() {
    let stack = Stack::start().await;
    let token = stack.token(SessionId::generate());
    let mut raw = stack.raw().await;
    for (path, status) in [("no-content", 204), ("not-modified", 304)] {
        raw.write(get(&format!("/api/users/{path}"), &token, ""))
            .await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("transfer-encoding"), None);
    }
    raw.write(get("/api/users/1", &token, "").replacen("GET", "HEAD", 1))
        .await;
    let head = raw.answer_without_body().await;
    assert_eq!(head.status, 200);
    assert!(
        head.header("content-length")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 100
    );
    raw.write(get("/nowhere", &token, "").replacen("GET", "HEAD", 1))
        .await;
    assert_eq!(raw.answer_without_body().await.status, 404);
    // The connection is still in step.
    raw.write(get("/api/users/1", &token, "")).await;
    assert_eq!(raw.answer().await.json()["method"], "GET");
    assert_eq!(stack.service.connections(), 1);
}

#[tokio::test]
async fn an_answer_arrives_as_it_is_made() {
    let stack = Stack::start().await;
    let token = stack.token(SessionId::generate());
    let mut raw = stack.raw().await;
    raw.write(get("/api/users/chunked", &token, "")).await;
    assert_eq!(raw.answer().await.body, "one two three");

    // The first part does not wait for a second that never comes.
    let mut stream = stack.raw().await;
    stream.write(get("/api/users/stalled", &token, "")).await;
    let mut stream = stream.into_stream();
    let mut seen = Vec::new();
    eventually(SOON, async || {
        let mut part = [0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut part)
            .await
            .unwrap();
        seen.extend_from_slice(&part[..read]);
        String::from_utf8_lossy(&seen).contains("one ")
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_complete() {
    let stack = Stack::start().await;
    let token = stack.token(SessionId::generate());
    for path in ["broken", "broken-length"] {
        let mut raw = stack.raw().await;
        raw.write(get(&format!("/api/users/{path}"), &token, ""))
            .await;
        let (bytes, _) = raw.rest().await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert!(!text.ends_with("0\r\n\r\n"), "{text}");
    }
}

#[tokio::test]
async fn a_service_that_falls_silent_within_its_answer_is_cut_off() {
    let stack = Stack::with(&[("--upstream-response-timeout", "200ms")]).await;
    let mut raw = stack.raw().await;
    raw.write(get(
        "/api/users/stalled",
        &stack.token(SessionId::generate()),
        "",
    ))
    .await;
    let (bytes, _) = raw.rest().await;
    assert!(!String::from_utf8_lossy(&bytes).ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_a_504() {
    let stack = Stack::with(&[("--upstream-response-timeout", "200ms")]).await;
    stack
        .user()
        .get("/api/users/never")
        .await
        .expect_problem(504, "upstream_timeout");
    eventually(SOON, async || stack.service.abandoned() == 1).await;
}

#[tokio::test]
async fn a_service_that_hangs_up_is_a_502_and_is_not_asked_again() {
    let stack = Stack::start().await;
    stack
        .user()
        .get("/api/users/hang-up")
        .await
        .expect_problem(502, "bad_gateway");
    assert_eq!(stack.service.requests(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_request() {
    let stack = Stack::start().await;
    let mut raw = stack.raw().await;
    raw.write(get(
        "/api/users/never",
        &stack.token(SessionId::generate()),
        "",
    ))
    .await;
    eventually(SOON, async || stack.service.requests() == 1).await;
    drop(raw);
    eventually(SOON, async || stack.service.abandoned() == 1).await;
}

#[tokio::test]
async fn connections_to_a_service_are_used_again() {
    let stack = Stack::start().await;
    let user = stack.user();
    for _ in 0..20 {
        user.get("/api/users/1").await.expect(200);
        // Given back a moment after the client has its answer.
        tokio::task::yield_now().await;
    }
    let connections = stack.service.connections();
    assert!(
        connections <= 3,
        "{connections} connections for 20 requests"
    );
}

#[tokio::test]
async fn an_old_client_is_served() {
    let stack = Stack::start().await;
    let mut raw = stack.raw().await;
    raw.write("POST /api/auth/login HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
        .await;
    let answer = raw.answer().await;
    assert_eq!(answer.json()["body"], "hi");
    assert_eq!(echoed(&answer.json(), "host").as_deref(), Some("auth"));
    raw.closed().await;

    let mut raw = stack.raw().await;
    raw.write(format!(
        "GET /api/users/chunked HTTP/1.0\r\nAuthorization: Bearer {}\r\n\r\n",
        stack.token(SessionId::generate())
    ))
    .await;
    let answer = raw.answer().await;
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(answer.body, "one two three");
}

#[tokio::test]
async fn a_slow_reader_does_not_fill_the_memory() {
    let stack = Stack::with(&[("--write-timeout", "300ms")]).await;
    let before = resident_kilobytes();
    let mut raw = stack.raw().await;
    raw.write(get(
        "/api/users/endless",
        &stack.token(SessionId::generate()),
        "",
    ))
    .await;
    eventually(SOON, async || stack.service.requests() == 1).await;
    // It reads nothing, is given up, and its upstream connection goes with it.
    eventually(SOON, async || stack.service.open() == 0).await;
    let grown = resident_kilobytes().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KB more");
    drop::<Raw>(raw);
}

fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_trace_goes_on_through_the_gateway() {
    let stack = Stack::start().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let user = stack.user().with_header("traceparent", parent);
    let echo = user.get("/api/users/1").await.expect(200);
    // This process exports nothing, so there is no span of the gateway between.
    assert_eq!(echoed(&echo, "traceparent").as_deref(), Some(parent));
}
