//! Which paths lead where, and that there is no way around that.

use crate::support::Stack;

#[tokio::test]
async fn known_prefixes_lead_to_the_service() {
    let stack = Stack::start().await;
    let user = stack.user();
    for path in [
        "/api/auth/me",
        "/api/auth",
        "/api/users/1?a=b&c=/../d",
        "/API/Users/1/",
        "/.well-known/jwks.json",
    ] {
        let echo = user.get(path).await.expect(200);
        assert_eq!(echo["target"], path);
    }
}

#[tokio::test]
async fn everything_else_is_not_found() {
    let stack = Stack::start().await;
    let user = stack.user();
    for path in [
        "/",
        "/api",
        "/api/",
        "/api/usersx",
        "/metrics",
        "/api/posts/feed",
        "/.well-known/",
        "/readyz/x",
        "/anufy.auth.v1.SessionsService/GetKeys",
    ] {
        user.get(path).await.expect_problem(404, "not_found");
    }
    assert_eq!(stack.service.requests(), 0);
}

#[tokio::test]
async fn a_path_that_could_mean_another_is_refused() {
    let stack = Stack::start().await;
    for path in [
        "/api/auth/../users/1",
        "/api/auth/login/..",
        "/api/./users",
        "/api/auth/%2e%2e/users/1",
        "/api/auth/.%2E/users/1",
        "//api/users/1",
        "/api//users/1",
        "/api/auth%2flogin",
        "/api/auth/..%2fusers",
        "/api\\users",
        "/api/auth%5C..%5Cusers",
        "/api/users/%00",
        "/api/users/a%0d%0aX:y",
        "/api/users/%",
        "/api/users/%zz",
        "/api/users/\u{e9}",
    ] {
        let answer = stack
            .ask(format!("POST {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_path"),
            "{path}"
        );
    }
    assert_eq!(stack.service.requests(), 0);
}

#[tokio::test]
async fn a_path_is_forwarded_in_the_spelling_that_was_checked() {
    let stack = Stack::start().await;
    let ask = async |path: &str| {
        let token = stack.token(domain::SessionId::generate());
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
        stack.ask(request).await.json()["target"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        ask("/%61pi/users/%40ana?q=%2e%2e").await,
        "/api/users/%40ana?q=%2e%2e"
    );
    assert_eq!(ask("/api/users/%c3%a9").await, "/api/users/%C3%A9");
    assert_eq!(ask("/api/users/%252e%252e").await, "/api/users/%252e%252e");
}

#[tokio::test]
async fn an_escaped_open_path_is_the_open_path() {
    let stack = Stack::start().await;
    let answer = stack
        .ask("POST /api/auth/%6cOGIN/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert_eq!(answer.json()["target"], "/api/auth/lOGIN/");
}

#[tokio::test]
async fn the_gateway_answers_for_its_own_health() {
    let stack = Stack::start().await;
    let stranger = stack.stranger();
    for (path, status) in [("/livez", "alive"), ("/readyz", "ready")] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.expect(200)["status"], status);
        assert_eq!(answer.header("x-ratelimit-limit"), None);
    }
    let mut raw = stack.raw().await;
    raw.write("HEAD /readyz HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let head = raw.answer_without_body().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), Some("18"));
    assert_eq!(raw.answer().await.json()["status"], "alive");
    assert_eq!(stack.service.requests(), 0);
}
