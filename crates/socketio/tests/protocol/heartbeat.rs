use std::time::{Duration, Instant};

use socketio::{Config, DisconnectReason};

use crate::{poller::Poller, stage::Stage, websocket::WebSocket};

const INTERVAL: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_millis(400);

/// The bystander of the stage cannot answer heartbeats while a test is at work: these are for
/// servers whose heartbeat is the test.
fn lively() -> Config {
    Config {
        ping_interval: INTERVAL,
        ping_timeout: TIMEOUT,
        ..Config::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_answers_heartbeats_stays() {
    let stage = Stage::open_alone(lively()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    let began = Instant::now();
    for _ in 0..8 {
        assert_eq!(ana.next_text().await, "2");
        ana.text("3").await;
    }
    assert!(began.elapsed() > INTERVAL * 6, "{:?}", began.elapsed());
    ana.text(r#"42["a"]"#).await;
    assert_eq!(ana.next_message().await, r#"42["a"]"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_is_gone_in_time() {
    let stage = Stage::open_alone(lively()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    assert_eq!(ana.next_text().await, "2");
    let pinged = Instant::now();
    assert_eq!(stage.parting("ana").await, DisconnectReason::PingTimeout);
    assert!(pinged.elapsed() > TIMEOUT / 2, "{:?}", pinged.elapsed());
    while ana.next_frame().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_client_says_shows_that_it_is_there() {
    let stage = Stage::open_alone(lively()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    for _ in 0..6 {
        assert_eq!(ana.next_text().await, "2");
        ana.text(r#"42["a"]"#).await;
        assert_eq!(ana.next_text().await, r#"42["a"]"#);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_reach_a_client_that_polls() {
    let stage = Stage::open_alone(lively()).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    for _ in 0..6 {
        assert_eq!(ana.poll().await.text(), "2");
        assert_eq!(ana.post(b"3").await.status, 200);
    }
    // Then it goes away without a word.
    assert_eq!(stage.parting("ana").await, DisconnectReason::PingTimeout);
    let answer = ana.request("POST", b"3").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_has_to_connect_in_time() {
    let config = Config {
        connect_timeout: Duration::from_millis(100),
        ..Config::default()
    };
    let stage = Stage::open(config).await;
    let mut silent = WebSocket::open(stage.address).await;
    assert_eq!(silent.closed().await, Some(1008));
    let mut astray = WebSocket::open(stage.address).await;
    astray.text("40/admin,").await;
    assert_eq!(
        astray.next_message().await,
        r#"44/admin,{"message":"Invalid namespace"}"#
    );
    assert_eq!(astray.closed().await, Some(1008));
    let mut poller = Poller::open(stage.address).await;
    assert!(poller.poll_to_end().await);
    stage.close().await;
}
