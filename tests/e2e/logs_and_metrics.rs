//! What operators see of a request: one log line, one measurement, and nothing
//! that belongs to the person who made it.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Deployment, Process, Sandbox, Service, User, eventually, eventually_some};

const SOON: Duration = Duration::from_secs(10);

struct Running {
    auth: Service,
    gateway: Service,
    deployment: Deployment,
}

async fn running(log: &str) -> Running {
    let mut deployment = Deployment::new(Sandbox::create().await).await;
    deployment.set("log", log);
    deployment.migrate().await;
    let auth = deployment.start_auth().await;
    let gateway = deployment.start_gateway(&[&auth]).await;
    Running {
        auth,
        gateway,
        deployment,
    }
}

/// The log lines about a request; every line must be JSON.
fn request_lines(process: &Process, request_id: &str) -> Vec<Value> {
    let lines = process.output();
    let lines = lines.iter().map(|line| {
        serde_json::from_str(line).unwrap_or_else(|_| panic!("not a JSON line: {line}"))
    });
    lines
        .filter(|line: &Value| line["message"] == "request" && line["request_id"] == request_id)
        .collect()
}

#[tokio::test]
async fn a_request_is_one_log_line_in_each_service() {
    let running = running("info").await;
    let ana = User::register(&running.gateway.client(), "ana").await;
    let mut request_ids = Vec::new();
    for (path, status) in [("/api/auth/me", 200), ("/api/users/@nobody_at_all", 404)] {
        let answer = ana.get(path).await;
        assert_eq!(answer.status, status);
        request_ids.push((
            answer.header("x-request-id").unwrap().to_owned(),
            path,
            status,
        ));
    }
    for (request_id, path, status) in &request_ids {
        for service in [&running.gateway, &running.auth] {
            let line = eventually_some(SOON, async || {
                request_lines(&service.process, request_id).pop()
            })
            .await;
            assert_eq!(line["status"], *status, "{line}");
            assert_eq!(line["method"], "GET", "{line}");
            assert!(line["duration_ms"].is_u64(), "{line}");
        }
        let line = request_lines(&running.gateway.process, request_id)
            .pop()
            .unwrap();
        assert_eq!(line["path"], *path, "{line}");
    }
    // One, also after everything has been written.
    for service in [&running.gateway, &running.auth] {
        for (request_id, ..) in &request_ids {
            assert_eq!(request_lines(&service.process, request_id).len(), 1);
        }
    }
}

#[tokio::test]
async fn a_refused_request_is_logged_too() {
    let running = running("info").await;
    let answer = running.gateway.client().get("/api/auth/me").await;
    let request_id = answer.header("x-request-id").unwrap().to_owned();
    eventually(SOON, async || {
        request_lines(&running.gateway.process, &request_id).len() == 1
    })
    .await;
}

#[tokio::test]
async fn a_request_id_that_the_client_brings_is_kept() {
    let running = running("info").await;
    let client = running
        .gateway
        .client()
        .with_header("x-request-id", "my-own-id-42");
    let answer = client.get("/.well-known/jwks.json").await;
    assert_eq!(answer.header("x-request-id"), Some("my-own-id-42"));
    for service in [&running.gateway, &running.auth] {
        eventually(SOON, async || {
            request_lines(&service.process, "my-own-id-42").len() == 1
        })
        .await;
    }
}

/// The whole story of an account, with mistakes, at the chattiest level that
/// anybody would run.
#[tokio::test]
async fn logs_hold_no_token_no_address_and_no_password() {
    let running = running("debug").await;
    let client = running.gateway.client();
    let ana = User::register(&client, "ana").await;
    let again = ana.log_in_again().await;
    again.me().await;
    let mut secrets = vec![ana.token.clone(), again.token.clone(), ana.password.clone()];
    secrets.push(ana.email.clone());
    secrets.push(ana.email.to_uppercase());
    secrets.push("1990-05-17".to_owned());

    let typo = json!({ "email": ana.email, "password": "Sup3rSecretTypo" });
    client
        .post("/api/auth/login", &typo)
        .await
        .expect_problem(401, "invalid_credentials");
    let unknown = json!({ "email": "unknown-person@example.org", "password": "Sup3rSecretTypo" });
    client
        .post("/api/auth/login", &unknown)
        .await
        .expect_problem(401, "invalid_credentials");
    let weak = json!({
        "email": "weak-person@example.org", "password": "12345678", "username": "NOT GOOD",
        "full_name": "Secret Fullname", "dob": "1987-06-05",
    });
    client
        .post("/api/auth/register", &weak)
        .await
        .expect_problem(422, "validation_failed");
    let mut taken = weak.clone();
    taken["email"] = ana.email.as_str().into();
    taken["username"] = "other_name_here".into();
    taken["password"] = "Sup3rSecretTypo".into();
    client
        .post("/api/auth/register", &taken)
        .await
        .expect_problem(409, "email_taken");
    let unread = client.request(testkit::Method::POST, "/api/auth/login");
    let unread = unread.header("content-type", "application/json");
    client
        .send(unread.body("{\"password\":\"Sup3rSecretTypo\""))
        .await
        .expect(400);
    let shape =
        json!({ "email": { "x": "shape-person@example.org" }, "password": "Sup3rSecretTypo" });
    client.post("/api/auth/login", &shape).await.expect(422);
    let forged = "eyJhbGciOiJub25lIn0.Forged0Token0Claims.";
    client
        .clone()
        .with_token(forged)
        .get("/api/auth/me")
        .await
        .expect(401);
    again
        .patch("/api/users/me", &json!({ "bio": "My secret biography" }))
        .await
        .expect(200);
    let answer = client.get("/api/auth/me?token=Query0Token0Secret").await;
    assert_eq!(answer.status, 401);
    secrets.extend(account_life(&running, &again).await);
    assert_eq!(again.log_out().await.status, 204);
    secrets.extend(
        [
            "Sup3rSecretTypo",
            "unknown-person@",
            "weak-person@",
            "shape-person@",
            "Secret Fullname",
            "1987-06-05",
            "Forged0Token0Claims",
            "My secret biography",
            "Query0Token0Secret",
            "$argon2",
        ]
        .map(str::to_owned),
    );

    let last = client.get("/.well-known/jwks.json").await;
    let last = last.header("x-request-id").unwrap().to_owned();
    for service in [&running.gateway, &running.auth] {
        eventually(SOON, async || {
            service
                .process
                .output()
                .iter()
                .any(|line| line.contains(&last))
        })
        .await;
        for line in service.process.output() {
            for secret in &secrets {
                assert!(!line.contains(secret.as_str()), "{secret} in {line}");
            }
        }
    }
}

/// What is mailed and what is proved by a secret; the secrets.
async fn account_life(running: &Running, ana: &User) -> Vec<String> {
    let client = running.gateway.client();
    let mail = running.deployment.mail();
    let confirm = mail.letter(&ana.email, "Confirm your e-mail address").await;
    let confirm = confirm.token();
    let verify = "/api/auth/email/verify";
    for token in [&confirm, &confirm, &"Wrong0Verification0Token".to_owned()] {
        client.post(verify, &json!({ "token": token })).await;
    }
    let forgot = json!({ "email": ana.email });
    let answer = client.post("/api/auth/password/forgot", &forgot).await;
    answer.expect(202);
    let reset = mail
        .letter(&ana.email, "Choose a new password")
        .await
        .token();
    let weak = json!({ "token": reset, "new_password": "Sup3r" });
    client
        .post("/api/auth/password/reset", &weak)
        .await
        .expect(422);
    let wrong = json!({ "token": "Wrong0Reset0Token", "new_password": "Sup3rSecretTypo" });
    client.post("/api/auth/password/reset", &wrong).await;
    let change = json!({ "current_password": "Sup3rSecretTypo", "new_password": "N3wSecretWord" });
    ana.post("/api/auth/password", &change).await.expect(403);
    let change = json!({ "current_password": ana.password, "new_password": "N3wSecretWord" });
    ana.post("/api/auth/password", &change).await.expect(204);
    let report = json!({
        "target_type": "message", "target_id": ana.id, "reason": "other",
        "details": "My secret complaint",
    });
    ana.post("/api/reports", &report).await.expect(202);
    let leave = ana.request(testkit::Method::DELETE, "/api/auth/me");
    let leave = leave.json(&json!({ "password": "Sup3rSecretTypo" }));
    ana.send(leave).await.expect(403);
    let words = ["Wrong0", "N3wSecretWord", "My secret complaint"];
    let words = words.map(str::to_owned);
    [confirm, reset].into_iter().chain(words).collect()
}

#[tokio::test]
async fn metrics_count_requests_by_operation_and_nothing_by_person() {
    let running = running("info").await;
    let ana = User::register(&running.gateway.client(), "ana").await;
    ana.me().await;
    ana.get(&format!("/api/users/@{}", ana.username))
        .await
        .expect(200);
    ana.get("/api/users/65f0c0ffee65f0c0ffee65f0")
        .await
        .expect(404);
    ana.get("/made/up/path").await.expect(404);
    let made_up = testkit::Method::from_bytes(b"MADEUP").unwrap();
    ana.send(ana.request(made_up, "/api/auth/me")).await;

    let auth = running.auth.operator().get("/metrics").await;
    assert!(
        auth.header("content-type")
            .is_some_and(|it| it.starts_with("text/plain")),
        "{auth:?}"
    );
    let (auth, gateway) = (
        auth.text(),
        running.gateway.operator().get("/metrics").await.text(),
    );
    for (text, service, labels) in [
        (&auth, "auth", r#"operation="me""#),
        (&auth, "auth", r#"operation="register""#),
        (&auth, "auth", r#"operation="get_user""#),
        (&gateway, "gateway", r#"route="/api/auth""#),
        (&gateway, "gateway", r#"route="/api/users""#),
    ] {
        for suffix in ["bucket", "count", "sum"] {
            let name = format!("http_server_duration_seconds_{suffix}{{");
            let service = format!("service=\"{service}\"");
            let found = text.lines().any(|line| {
                line.starts_with(&name) && line.contains(labels) && line.contains(&service)
            });
            assert!(found, "{name} {labels}: {text}");
        }
    }
    assert!(
        auth.contains("mongodb_operation_duration_seconds"),
        "{auth}"
    );
    for text in [&auth, &gateway] {
        for stranger in [
            ana.username.as_str(),
            &ana.id,
            &ana.email,
            "/made/up",
            "MADEUP",
            "65f0c0ffee",
        ] {
            assert!(!text.contains(stranger), "{stranger} in {text}");
        }
    }
}

#[tokio::test]
async fn the_admin_port_tells_alive_and_ready_and_what_is_down() {
    let mut deployment = Deployment::new(Sandbox::with_outages().await).await;
    deployment.set("mongodb-timeout", "1s");
    deployment.migrate().await;
    let auth = deployment.start_auth().await;
    let operator = auth.operator();
    assert_eq!(operator.get("/livez").await.expect(200)["status"], "alive");
    let dependencies = async || operator.get("/readyz").await.expect(200)["dependencies"].clone();
    let all_up = json!({ "mongodb": "up", "rabbitmq": "up", "redis": "up" });
    eventually(SOON, async || dependencies().await == all_up).await;

    let sandbox = deployment.sandbox();
    let proxies = [
        sandbox.mongodb_proxy(),
        sandbox.amqp_proxy(),
        sandbox.redis_proxy(),
    ];
    for proxy in proxies {
        proxy.cut();
    }
    let all_down = json!({ "mongodb": "down", "rabbitmq": "down", "redis": "down" });
    eventually(SOON, async || dependencies().await == all_down).await;
    operator.get("/livez").await.expect(200);

    for proxy in proxies {
        proxy.restore();
    }
    eventually(SOON, async || dependencies().await == all_up).await;
}

#[tokio::test]
async fn the_public_port_has_no_metrics_and_the_commands_tell_health() {
    let running = running("info").await;
    running.gateway.client().get("/metrics").await.expect(404);

    let healthcheck = async |admin: &str| {
        let environment = [("ADMIN_ADDR", admin)];
        let mut process = Process::service("gateway", &["healthcheck"], environment);
        process.wait_exit(SOON).await.code()
    };
    assert_eq!(
        healthcheck(&running.gateway.admin.to_string()).await,
        Some(0)
    );
    assert_eq!(healthcheck("127.0.0.1:1").await, Some(1));
}
