//! Paths and methods that lead nowhere are said so, and none leads elsewhere.

use contracts::rpc::CREDENTIAL_HEADER;
use secrecy::ExposeSecret;
use testkit::{Method, Stack, raw_request};

use crate::{
    bad_bodies::doors,
    operations::{inside, operations},
};

#[tokio::test]
async fn whoever_is_looked_up_by_nonsense_is_not_found() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let long = format!("@{}", "x".repeat(6000));
    let hex = "a".repeat(5000);
    for target in [
        "65f0c0ffee65f0c0ffee65f0",
        "65f0c0ffee65f0c0ffee65f",
        "65f0c0ffee65f0c0ffee65f0a",
        "zzzzzzzzzzzzzzzzzzzzzzzz",
        "0",
        "-1",
        "null",
        "undefined",
        "$where",
        "$where:1",
        "@",
        "@@",
        "@$ne",
        "@.*",
        "@%5B%24ne%5D",
        "%7B%22$gt%22:%22%22%7D",
        "@ana'%20or%201=1",
        "@%D0%B0na",
        "@%F0%9F%98%80",
        "@%C3%A9%CC%81",
        "@constructor",
        "__proto__",
        "@ana;x=1",
        "%40%40",
        &long,
        &hex,
    ] {
        for (door, client) in doors(&stack, &ana, "/api/users") {
            let answer = client.get(&format!("/api/users/{target}")).await;
            assert_eq!(
                answer.problem_code(),
                "user_not_found",
                "{door} {target}: {answer:?}"
            );
            answer.expect_problem(404, "user_not_found");
        }
    }
}

#[tokio::test]
async fn a_name_that_is_a_pattern_matches_nobody() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let (id, name) = (&ana.id, &ana.username);
    for target in [
        format!("@{}.*", &name[..5]),
        format!("@{name}%20"),
        format!("@%20{name}"),
        format!("@{name}%2B"),
        name.clone(),
        format!("@{id}"),
        format!("{id}%20"),
        format!("+{id}"),
        format!("0x{id}"),
    ] {
        let answer = ana.get(&format!("/api/users/{target}")).await;
        assert_eq!(answer.status, 404, "{target}: {answer:?}");
    }
    ana.get(&format!("/api/users/{}", id.to_uppercase()))
        .await
        .expect(200);
    ana.get(&format!("/api/users/%40{name}")).await.expect(200);
    ana.get(&format!("/API/Users/@{name}/")).await.expect(200);
    ana.get(&format!("/api/users/@{name}?$where=1&id[$ne]=1&id=2"))
        .await
        .expect(200);
}

#[tokio::test]
async fn paths_that_could_mean_another_path_are_refused() {
    let stack = Stack::start().await;
    let secret = stack.credential().expose_secret();
    let ana = stack.user("ana").await;
    for path in [
        "/api/users/%00",
        "/api/users/@ana%00",
        "/api/users/@ana%0d%0aX:1",
        "/api/users/..%2fauth%2fme",
        "/api/users/%2e%2e/auth/me",
        "/api//users/me",
        "/api/users/%5c..",
        "/api/users/%zz",
        "/api/users/%",
    ] {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            ana.token
        );
        let answer = raw_request(stack.gateway_addr(), head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
        assert!(
            answer.contains("application/problem+json"),
            "{path}: {answer}"
        );
        // auth takes them for names of nobody, if they ever got there.
        let head = head.replace(
            "Host: x",
            &format!("Host: x\r\n{CREDENTIAL_HEADER}: {secret}"),
        );
        let answer = raw_request(stack.auth_addr(), head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 40"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_said_so() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let table = operations();
    let mut paths: Vec<_> = table.iter().map(|it| (it.service, &it.path)).collect();
    paths.dedup();
    for (service, path) in paths {
        let has = |method: &str| {
            let mut those = table.iter().filter(|it| it.path == *path);
            those.any(|it| it.method.as_str() == method)
        };
        for name in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if has(name) {
                continue;
            }
            for client in [stack.anonymous(), inside(&stack, service)] {
                let client = ana.at(&client);
                let method = Method::from_bytes(name.as_bytes()).unwrap();
                let answer = client.send(client.request(method, path)).await;
                assert_eq!(answer.status, 405, "{name} {path}: {answer:?}");
                answer.expect_problem(405, "method_not_allowed");
                let allow = answer.header("allow").unwrap_or_default();
                let is_right = allow.split(", ").any(has);
                assert!(is_right, "{name} {path} allows {allow}");
            }
        }
    }
}

#[tokio::test]
async fn methods_that_nobody_has_are_refused_at_the_door() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    for name in ["TRACE", "PROPFIND", "FOO", "get"] {
        let method = Method::from_bytes(name.as_bytes()).unwrap();
        for (door, client) in doors(&stack, &ana, "/api/users") {
            let answer = client
                .send(client.request(method.clone(), "/api/auth/me"))
                .await;
            assert_eq!(answer.status, 405, "{door} {name}: {answer:?}");
            let _ = answer.problem();
        }
    }
}

#[tokio::test]
async fn there_is_nothing_at_other_paths() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    for path in [
        "/",
        "/api",
        "/api/auth",
        "/api/auth/me/x",
        "/api/users",
        "/api/users/me/x/y",
        "/metrics",
        "/api/authx",
        "/.well-known",
        "/.well-known/jwks.json/x",
        "/.git/config",
        "/api/users/a/b",
    ] {
        for (door, client) in doors(&stack, &ana, "/api/users") {
            let answer = client.get(path).await;
            assert_eq!(answer.status, 404, "{door} {path}: {answer:?}");
            answer.expect_problem(404, "not_found");
        }
    }
}
