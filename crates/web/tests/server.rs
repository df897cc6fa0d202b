//! The kit over a real socket: what every service refuses, and how.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use clap::Parser;
use contracts::rpc::CREDENTIAL_HEADER;
use domain::{ErrorKind, SessionId, UserId};
use garde::Validate;
use runtime::{Clock, ManualClock, Readiness, Shutdown, settings::LifecycleSettings};
use serde::Deserialize;
use testkit::{Client, Method};
use tokens::{Signer, Verifier, generate_key_pem};
use web::{
    Access::{Account, Public},
    ApiError, Authenticator, Caller, CodeRow, Failure, HttpServer, OptionalJson, Routes, ValidJson,
    actix_web::{self, HttpResponse, web::Data},
};

const CREDENTIAL: &str = "0123456789abcdef0123456789abcdef";

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Body {
    #[garde(length(chars, max = 5))]
    name: String,
    #[garde(skip)]
    #[serde(default)]
    nested: Option<Vec<u8>>,
}

#[derive(Default, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Rest {
    #[garde(length(chars, max = 5))]
    word: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("the secret cause")]
struct Broken;

impl Failure for Broken {
    fn row(&self) -> CodeRow {
        CodeRow::failed(ErrorKind::Internal)
    }
}

async fn echo(ValidJson(body): ValidJson<Body>) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "name": body.name, "nested": body.nested }))
}

async fn echo_what_there_is(OptionalJson(body): OptionalJson<Rest>) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "word": body.word }))
}

async fn whoami(caller: Caller) -> HttpResponse {
    HttpResponse::Ok().body(caller.user_id.to_string())
}

async fn breaks() -> Result<HttpResponse, ApiError> {
    Err(Broken.into())
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    lifecycle: LifecycleSettings,
}

struct Service {
    address: SocketAddr,
    shutdown: Shutdown,
    signer: Signer,
    verifier: Arc<Verifier>,
    clock: ManualClock,
}

impl Service {
    fn start() -> Self {
        let service = Self::start_without_keys();
        service.learn_keys();
        service
    }

    fn start_without_keys() -> Self {
        let shutdown = Shutdown::new();
        let readiness = Readiness::new(&shutdown);
        let signer = Signer::from_pem(&generate_key_pem().unwrap()).unwrap();
        let verifier = Arc::new(Verifier::new(10));
        let clock = ManualClock::default();
        let authenticator = Authenticator::new(Arc::clone(&verifier), Arc::new(clock.clone()));
        let routes = Routes::new()
            .add(
                actix_web::http::Method::POST,
                "/things",
                Public,
                "echo",
                echo,
            )
            .add(
                actix_web::http::Method::POST,
                "/things/rest",
                Public,
                "echo_what_there_is",
                echo_what_there_is,
            )
            .add(
                actix_web::http::Method::GET,
                "/things/mine",
                Account,
                "whoami",
                whoami,
            )
            .add(
                actix_web::http::Method::GET,
                "/broken",
                Public,
                "breaks",
                breaks,
            );
        let server = HttpServer::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = server.local_addr().unwrap();
        let flags = Flags::parse_from(["x", "--drain-delay", "30s"]);
        server
            .spawn(
                "test",
                routes,
                |_| {},
                Data::new(authenticator),
                CREDENTIAL.into(),
                readiness.clone(),
                &flags.lifecycle,
                &shutdown,
            )
            .unwrap();
        readiness.set_started();
        Self {
            address,
            shutdown,
            signer,
            verifier,
            clock,
        }
    }

    fn learn_keys(&self) {
        self.verifier.set_keys(&self.signer.jwks_json()).unwrap();
    }

    fn stranger(&self) -> Client {
        Client::new(format!("http://{}", self.address)).with_header("x-request-id", "request-1")
    }

    fn gateway(&self) -> Client {
        self.stranger().with_header(CREDENTIAL_HEADER, CREDENTIAL)
    }

    fn token(&self, user: UserId, lifetime: Duration) -> String {
        let session = SessionId::generate();
        self.signer
            .issue(user, session, self.clock.now(), lifetime)
            .unwrap()
            .0
    }
}

#[tokio::test]
async fn without_the_service_credential_nothing_answers_but_readiness() {
    let service = Service::start();
    for path in ["/things/mine", "/broken", "/nowhere"] {
        service
            .stranger()
            .get(path)
            .await
            .expect_problem(401, "service_credential_required");
    }
    let wrong = service.stranger().with_header(CREDENTIAL_HEADER, "wrong");
    wrong
        .get("/broken")
        .await
        .expect_problem(401, "service_credential_required");
    service.stranger().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let service = Service::start();
    service
        .gateway()
        .get("/nowhere")
        .await
        .expect_problem(404, "not_found");
    let refused = service.gateway().get("/things").await;
    refused.expect_problem(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), Some("POST"));
}

#[tokio::test]
async fn whoever_may_get_may_ask_for_the_head_alone() {
    let service = Service::start();
    let caller = service
        .gateway()
        .with_token(&service.token(UserId::generate(), Duration::from_mins(1)));
    let request = caller.request(Method::HEAD, "/things/mine");
    let head = caller.send(request).await;
    assert_eq!(
        (head.status, head.header("content-length"), head.body.len()),
        (200, Some("24"), 0)
    );
    let refused = caller.post_empty("/things/mine").await;
    refused.expect_problem(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
}

#[tokio::test]
async fn paths_match_as_express_matched_them() {
    let service = Service::start();
    let body = serde_json::json!({ "name": "ana" });
    for path in ["/things", "/things/", "/THINGS", "/Things/?x=1"] {
        service.gateway().post(path, &body).await.expect(200);
    }
}

#[tokio::test]
async fn a_body_of_another_shape_is_refused_with_the_field() {
    let service = Service::start();
    for (body, field) in [
        (serde_json::json!({ "name": 1 }), "name"),
        (serde_json::json!({ "name": "anastasia" }), "name"),
        (serde_json::json!({ "name": "ana", "more": 1 }), "more"),
        (
            serde_json::json!({ "name": "ana", "nested": [1, 300] }),
            "nested[1]",
        ),
    ] {
        let problem = service
            .gateway()
            .post("/things", &body)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, [field], "{body}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_malformed() {
    let service = Service::start();
    let deep = "[".repeat(10_000);
    let deep_field = format!("{{\"name\":\"a\",\"nested\":{deep}");
    for body in [
        "",
        "{",
        "{\"name\":\"a\"} x",
        "\u{feff}{}",
        "{'name':1}",
        &deep_field,
    ] {
        let request = service
            .gateway()
            .request(Method::POST, "/things")
            .header("content-type", "application/json")
            .body(body.to_owned());
        let refused = service.gateway().send(request).await;
        let code = refused.problem_code();
        assert!(
            matches!(
                (refused.status, code.as_str()),
                (400, "malformed_json") | (422, "validation_failed")
            ),
            "{body:.40}: {} {code}",
            refused.status
        );
    }
    let request = service
        .gateway()
        .request(Method::POST, "/things")
        .header("content-type", "application/json")
        .body(b"{\"name\":\"\xff\"}".to_vec());
    service
        .gateway()
        .send(request)
        .await
        .expect_problem(400, "malformed_json");
}

#[tokio::test]
async fn a_body_that_need_not_be_there_is_checked_if_it_is() {
    let service = Service::start();
    let client = service.gateway();
    let ask = |content_type: &'static str, body: &'static str| {
        let request = client.request(Method::POST, "/things/rest").body(body);
        client.send(request.header("content-type", content_type))
    };
    let nothing = serde_json::json!({ "word": null });
    assert_eq!(client.post_empty("/things/rest").await.expect(200), nothing);
    for (content_type, body) in [
        ("application/json", ""),
        ("text/plain", ""),
        ("application/json", "{}"),
    ] {
        assert_eq!(ask(content_type, body).await.expect(200), nothing);
    }
    let told = ask("application/json", r#"{"word":"hi"}"#).await;
    assert_eq!(told.expect(200)["word"], "hi");
    for (content_type, body, status, code) in [
        ("text/plain", "{}", 415, "unsupported_media_type"),
        ("application/json", " ", 400, "malformed_json"),
        ("application/json", "null", 422, "validation_failed"),
        (
            "application/json",
            r#"{"word":"longer"}"#,
            422,
            "validation_failed",
        ),
    ] {
        ask(content_type, body).await.expect_problem(status, code);
    }
}

#[tokio::test]
async fn a_body_must_say_that_it_is_json_and_fit() {
    let service = Service::start();
    let send = async |content_type: &str, body: String| {
        let request = service
            .gateway()
            .request(Method::POST, "/things")
            .header("content-type", content_type)
            .body(body);
        service.gateway().send(request).await
    };
    let good = "{\"name\":\"ana\"}".to_owned();
    send("application/json; charset=utf-8", good.clone())
        .await
        .expect(200);
    send("text/plain", good.clone())
        .await
        .expect_problem(415, "unsupported_media_type");
    send("application/jsonx", good)
        .await
        .expect_problem(415, "unsupported_media_type");
    let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(web::JSON_LIMIT));
    send("application/json", huge)
        .await
        .expect_problem(413, "payload_too_large");
}

#[tokio::test]
async fn a_defect_of_ours_shows_nothing_of_itself() {
    let service = Service::start();
    let refused = service.gateway().get("/broken").await;
    refused.expect_problem(500, "internal");
    assert!(!refused.text().contains("secret"), "{}", refused.text());
}

#[tokio::test]
async fn a_caller_is_who_the_token_says_until_it_expires() {
    let service = Service::start();
    let user = UserId::generate();
    let caller = service
        .gateway()
        .with_token(&service.token(user, Duration::from_mins(1)));
    assert_eq!(caller.get("/things/mine").await.text(), user.to_string());
    service
        .gateway()
        .get("/things/mine")
        .await
        .expect_problem(401, "missing_token");
    service
        .gateway()
        .with_token("x.y.z")
        .get("/things/mine")
        .await
        .expect_problem(401, "token_invalid");
    service.clock.advance(Duration::from_mins(1));
    caller
        .get("/things/mine")
        .await
        .expect_problem(401, "token_expired");
}

#[tokio::test]
async fn while_no_keys_are_known_nobody_is_told_that_their_token_is_bad() {
    let service = Service::start_without_keys();
    let token = service.token(UserId::generate(), Duration::from_mins(1));
    let caller = service.gateway().with_token(&token);
    let answer = caller.get("/things/mine").await;
    answer.expect_problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    service.learn_keys();
    assert_eq!(caller.get("/things/mine").await.status, 200);
}

#[tokio::test]
async fn what_the_client_has_already_is_not_sent_again() {
    let service = Service::start();
    let caller = service
        .gateway()
        .with_token(&service.token(UserId::generate(), Duration::from_mins(1)));
    let tag = caller
        .get("/things/mine")
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let again = caller
        .clone()
        .with_header("if-none-match", &tag)
        .get("/things/mine")
        .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let other = caller
        .with_header("if-none-match", "W/\"other\"")
        .get("/things/mine")
        .await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn while_it_drains_it_answers_and_asks_to_be_left() {
    let service = Service::start();
    let before = service.gateway().get("/broken").await;
    assert_eq!(before.header("connection"), None);
    service.shutdown.begin_drain();
    let after = service.gateway().get("/broken").await;
    assert_eq!(
        (after.status, after.header("connection")),
        (500, Some("close"))
    );
    assert_eq!(service.stranger().get("/readyz").await.status, 503);
}
