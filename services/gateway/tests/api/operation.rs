//! The command line.

use clap::Parser;
use gateway::Command;
use runtime::Shutdown;

use crate::support::{Auth, CREDENTIAL, Redis, Service, Stack};

fn command(words: &[&str]) -> Command {
    Command::try_parse_from(["gateway"].iter().chain(words)).unwrap()
}

async fn check(services: &Service, grpc_url: &str, redis_url: &str) -> Result<(), String> {
    let command = command(&[
        "check",
        "--auth-url",
        &services.url(),
        "--posts-url",
        &services.url(),
        "--realtime-url",
        &services.url(),
        "--auth-grpc-url",
        grpc_url,
        "--redis-url",
        redis_url,
        "--service-credential",
        CREDENTIAL,
    ]);
    gateway::execute(command, Shutdown::new())
        .await
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn check_names_everything_that_does_not_answer() {
    let (service, auth, redis) = (
        Service::start().await,
        Auth::start().await,
        Redis::open().await,
    );
    assert_eq!(check(&service, &auth.url(), &redis.url).await, Ok(()));

    service.set_ready(false);
    auth.fail(true);
    let faults = check(&service, &auth.url(), "redis://127.0.0.1:1")
        .await
        .unwrap_err();
    for part in [
        "redis",
        "no replica of auth",
        "no replica of posts",
        "no replica of realtime",
        "gRPC",
    ] {
        assert!(faults.contains(part), "{faults}");
    }
}

#[tokio::test]
async fn healthcheck_asks_the_admin_port() {
    let stack = Stack::start().await;
    let admin = stack.gateway.admin.to_string();
    let healthcheck = async || {
        let command = command(&["healthcheck", "--admin-addr", &admin]);
        gateway::execute(command, Shutdown::new()).await
    };
    healthcheck().await.unwrap();
    stack.gateway.shutdown.begin_drain();
    assert!(healthcheck().await.is_err());
}

#[test]
fn every_fault_of_the_settings_is_reported() {
    let words = "gateway serve --auth-url auth:1 --posts-url , --realtime-url http://realtime --trusted-proxies somewhere --cors-origins * \
        --max-connections 0 --max-header-bytes 10 --min-body-rate 0 --rate-limit-policy none \
        --auth-grpc-url https://auth --redis-url redis://127.0.0.1 --service-credential short";
    let faults = runtime::settings::parse::<Command>(words.split_whitespace().map(Into::into))
        .unwrap_err()
        .to_string();
    for variable in [
        "AUTH_URL",
        "POSTS_URL",
        "REALTIME_URL",
        "TRUSTED_PROXIES",
        "CORS_ORIGINS",
        "MAX_CONNECTIONS",
        "MAX_HEADER_BYTES",
        "MIN_BODY_RATE",
        "RATE_LIMIT_POLICY",
        "AUTH_GRPC_URL",
        "SERVICE_CREDENTIAL",
    ] {
        assert!(
            faults.contains(&format!("{variable} / ")),
            "{variable}:\n{faults}"
        );
    }
}
