//! Which paths lead where, and that there is no way around that.

use testkit::{Client, eventually};

use crate::support::{SOON, Service, Stack};

/// A stack whose posts are apart from everything else.
async fn apart() -> (Stack, Service) {
    let posts = Service::start().await;
    let stack = Stack::with(&[("--posts-url", &posts.url())]).await;
    (stack, posts)
}

#[tokio::test]
async fn known_prefixes_lead_to_their_service() {
    let (stack, posts) = apart().await;
    let user = stack.user();
    for (path, expected) in [
        ("/api/auth/me", [1, 0]),
        ("/api/auth", [1, 0]),
        ("/api/users/1?a=b&c=/../d", [1, 0]),
        ("/API/Users/1/", [1, 0]),
        ("/.well-known/jwks.json", [1, 0]),
        ("/api/posts", [0, 1]),
        ("/api/posts/feed?page=1&limit=20", [0, 1]),
        ("/API/Posts/1/", [0, 1]),
    ] {
        let before = [stack.service.requests(), posts.requests()];
        let echo = user.get(path).await.expect(200);
        assert_eq!(echo["target"], path);
        let after = [stack.service.requests(), posts.requests()];
        assert_eq!([after[0] - before[0], after[1] - before[1]], expected);
    }
}

#[tokio::test]
async fn a_service_that_is_down_costs_its_own_routes_only() {
    async fn is_unavailable(user: &Client, path: &str) {
        let answer = user.get(path).await;
        answer.expect_problem(503, "upstream_unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    let (stack, posts) = apart().await;
    let user = stack.user();
    posts.crash().await;
    for _ in 0..3 {
        is_unavailable(&user, "/api/posts/feed").await;
        user.get("/api/users/1").await.expect(200);
    }

    let (stack, _posts) = apart().await;
    let user = stack.user();
    stack.service.crash().await;
    for _ in 0..3 {
        is_unavailable(&user, "/api/users/1").await;
        user.get("/api/posts/feed").await.expect(200);
    }
}

#[tokio::test]
async fn operators_see_each_service() {
    let (stack, posts) = apart().await;
    let operator = Client::new(format!("http://{}", stack.gateway.admin));
    let seen = async |auth: &str, posts: &str| {
        let report = operator.get("/readyz").await.expect(200);
        let dependencies = &report["dependencies"];
        dependencies["auth"] == auth && dependencies["posts"] == posts
    };
    eventually(SOON, async || seen("up", "up").await).await;
    posts.set_ready(false);
    eventually(SOON, async || seen("up", "down").await).await;
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
        "/api/postsx",
        "/api/reels",
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
