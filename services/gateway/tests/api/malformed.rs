//! What is refused before anything else, byte by byte.

use crate::support::Stack;

/// Each is refused with the code, and the connection ends.
async fn refused(cases: &[(&str, u16, &str)]) {
    let stack = Stack::start().await;
    for (request, status, code) in cases {
        let request = request.replace('\n', "\r\n");
        let mut raw = stack.raw().await;
        raw.write(&request).await;
        let answer = raw.answer().await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (*status, *code),
            "{request}"
        );
        assert!(answer.says_close(), "{request}");
        raw.closed().await;
    }
    assert_eq!(stack.service.requests(), 0);
}

#[tokio::test]
async fn targets_other_than_a_path_are_refused() {
    refused(&[
        (
            "GET http://anufy.example/api/users/1 HTTP/1.1\nHost: a\n\n",
            400,
            "invalid_target",
        ),
        (
            "GET HTTP://a/api HTTP/1.1\nHost: a\n\n",
            400,
            "invalid_target",
        ),
        (
            "CONNECT internal:6379 HTTP/1.1\nHost: a\n\n",
            400,
            "invalid_target",
        ),
        (
            "GET internal:6379 HTTP/1.1\nHost: a\n\n",
            400,
            "invalid_target",
        ),
        ("OPTIONS * HTTP/1.1\nHost: a\n\n", 400, "invalid_target"),
        (
            "GET /api/users/1#me HTTP/1.1\nHost: a\n\n",
            400,
            "invalid_target",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_request_has_one_host_that_is_one() {
    refused(&[
        ("GET /livez HTTP/1.1\n\n", 400, "missing_host"),
        (
            "GET /livez HTTP/1.1\nHost: a\nHost: a\n\n",
            400,
            "invalid_host",
        ),
        (
            "GET /livez HTTP/1.1\nHost: a\nhost: b\n\n",
            400,
            "invalid_host",
        ),
        ("GET /livez HTTP/1.1\nHost:\n\n", 400, "invalid_host"),
        ("GET /livez HTTP/1.1\nHost: a/b\n\n", 400, "invalid_host"),
        ("GET /livez HTTP/1.1\nHost: user@a\n\n", 400, "invalid_host"),
    ])
    .await;
}

#[tokio::test]
async fn a_body_that_could_end_in_two_places_is_refused() {
    const POST: &str = "POST /api/auth/login HTTP/1.1\nHost: a\n";
    let cases = [
        "Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n",
        "Transfer-Encoding: chunked\nContent-Length: 5\n\n0\n\n",
        "Content-Length: 5\nContent-Length: 6\n\nhello",
        "Content-Length: 5\nContent-Length: 5\n\nhello",
        "Content-Length: 5,5\n\nhello",
        "Content-Length: -5\n\nhello",
        "Transfer-Encoding: gzip, chunked\n\n0\n\n",
        "Transfer-Encoding: identity\n\nhello",
        "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n0\n\n",
        "Transfer-Encoding: chunked, chunked\n\n0\n\n",
        "Transfer-Encoding : chunked\n\n0\n\n",
    ]
    .map(|rest| format!("{POST}{rest}"));
    let cases: Vec<_> = cases
        .iter()
        .map(|text| (text.as_str(), 400, "bad_request"))
        .collect();
    refused(&cases).await;
    refused(&[(
        "POST /api/auth/login HTTP/1.0\nTransfer-Encoding: chunked\n\n0\n\n",
        400,
        "bad_request",
    )])
    .await;
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    refused(&[
        ("\u{16}\u{3}\u{1}\n\n", 400, "bad_request"),
        ("GET /livez\n\n", 400, "bad_request"),
        ("GET  /livez HTTP/1.1\nHost: a\n\n", 400, "bad_request"),
        ("G@T /livez HTTP/1.1\nHost: a\n\n", 400, "bad_request"),
        (
            "GET /livez HTTP/1.1\nHost: a\nX: y\n folded\n\n",
            400,
            "bad_request",
        ),
        (
            "GET /livez HTTP/1.1\nHost: a\nNo colon\n\n",
            400,
            "bad_request",
        ),
        (
            "GET /livez HTTP/1.1\nHost: a\nX: \0\n\n",
            400,
            "bad_request",
        ),
        (
            "GET /livez HTTP/2.0\nHost: a\n\n",
            505,
            "http_version_not_supported",
        ),
        (
            "PRI * HTTP/2.0\n\nSM\n\n",
            505,
            "http_version_not_supported",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_head_over_the_limits_is_refused() {
    let long = format!(
        "GET /livez HTTP/1.1\nHost: a\nX: {}\n\n",
        "x".repeat(40_000)
    );
    let endless = "x".repeat(40_000);
    let long_target = format!("GET /{} HTTP/1.1\nHost: a\n\n", "x".repeat(40_000));
    let many = format!("GET /livez HTTP/1.1\nHost: a\n{}\n", "X: y\n".repeat(100));
    refused(&[
        (&long, 431, "headers_too_large"),
        (&endless, 431, "headers_too_large"),
        (&long_target, 431, "headers_too_large"),
        (&many, 431, "headers_too_large"),
    ])
    .await;
}

#[tokio::test]
async fn a_head_within_the_limits_is_served_however_it_is_cut() {
    let stack = Stack::start().await;
    let head = format!(
        "GET /livez HTTP/1.1\r\nHost: a\r\n{}X: {}\r\n\r\n",
        "Y: z\r\n".repeat(98),
        "x".repeat(30_000)
    );
    for size in [1, 7, 1_000, head.len()] {
        // A byte at a time only where heads end.
        let (start, end) = head.split_at(if size == 1 { head.len() - 40 } else { 0 });
        let mut raw = stack.raw().await;
        raw.write(start).await;
        for part in end.as_bytes().chunks(size) {
            raw.write(part).await;
        }
        assert_eq!(raw.answer().await.status, 200, "{size}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_one_by_one_until_one_is_refused() {
    let stack = Stack::start().await;
    let mut raw = stack.raw().await;
    raw.write(concat!(
        "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    ))
    .await;
    assert_eq!(raw.answer().await.json()["body"], "hello");
    assert_eq!(raw.answer().await.json()["status"], "alive");
    assert_eq!(raw.answer().await.code(), "invalid_host");
    raw.closed().await;
}

#[tokio::test]
async fn nothing_is_read_as_a_request_after_a_chunked_body() {
    let stack = Stack::start().await;
    let mut raw = stack.raw().await;
    raw.write(concat!(
        "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    ))
    .await;
    let answer = raw.answer().await;
    assert_eq!(answer.json()["body"], "hello");
    assert!(answer.says_close());
    raw.closed().await;
    assert_eq!(stack.service.requests(), 1);
}

#[tokio::test]
async fn methods_that_no_route_takes_are_not_allowed() {
    let stack = Stack::start().await;
    for method in ["TRACE", "CONNECT", "BREW", "get"] {
        let answer = stack
            .ask(format!("{method} /api/users/1 HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (405, "method_not_allowed")
        );
        assert_eq!(
            answer.header("allow"),
            Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
        );
    }
    for method in ["POST", "DELETE", "OPTIONS"] {
        let answer = stack
            .ask(format!("{method} /readyz HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (405, "method_not_allowed")
        );
    }
}
