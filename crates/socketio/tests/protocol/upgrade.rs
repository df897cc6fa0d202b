use std::time::Duration;

use socketio::{Config, DisconnectReason};
use testkit::eventually;

use crate::{
    poller::Poller,
    stage::Stage,
    websocket::{self, WebSocket},
    wire::LIMIT,
};

async fn shake_hands(stage: &Stage, poller: &Poller) -> WebSocket {
    let target = format!("{}&sid={}", websocket::TARGET, poller.sid);
    WebSocket::shake_hands(stage.address, &target)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_takes_over_from_polling_without_a_loss() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    ana.begin_poll().await;
    let mut upgraded = shake_hands(&stage, &ana).await;
    upgraded.text("2probe").await;
    assert_eq!(upgraded.next_text().await, "3probe");
    // The poll that waits is ended, so that the client can pause.
    assert_eq!(ana.polled().await.text(), "6");
    // What it has not had yet comes over the new transport, and in its order.
    ana.post(b"42[\"n\",1]\x1e42[\"n\",2]").await;
    upgraded.text("5").await;
    upgraded.text(r#"42["n",3]"#).await;
    for number in 1..=3 {
        assert_eq!(
            upgraded.next_message().await,
            format!(r#"42["n",{number}]"#)
        );
    }
    let answer = ana.request("GET", b"").await;
    assert_eq!(answer.status, 400);
    let answer = ana.request("POST", b"3").await;
    assert_eq!(answer.status, 400);
    upgraded.text(r#"42["n",4]"#).await;
    assert_eq!(upgraded.next_message().await, r#"42["n",4]"#);
    drop(upgraded);
    assert_eq!(stage.parting("ana").await, DisconnectReason::TransportClose);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_may_upgrade_before_it_is_connected() {
    let stage = Stage::open(Config::default()).await;
    let ana = Poller::open(stage.address).await;
    let mut upgraded = shake_hands(&stage, &ana).await;
    upgraded.text("2probe").await;
    assert_eq!(upgraded.next_text().await, "3probe");
    upgraded.text("5").await;
    upgraded.connect("ana").await;
    drop(upgraded);
    assert_eq!(stage.parting("ana").await, DisconnectReason::TransportClose);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_does_not_probe_is_closed_and_polling_goes_on() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    for message in ["2", "2probed", "5", "40", r#"42["a"]"#, "hello"] {
        let mut upgraded = shake_hands(&stage, &ana).await;
        upgraded.text(message).await;
        assert_eq!(
            upgraded
                .next_frame()
                .await
                .filter(|(first, _)| *first == 0x81),
            None
        );
    }
    let mut upgraded = shake_hands(&stage, &ana).await;
    upgraded.text("2probe").await;
    assert_eq!(upgraded.next_text().await, "3probe");
    upgraded.text("2probe").await;
    upgraded.closed().await;
    let mut upgraded = shake_hands(&stage, &ana).await;
    upgraded.frame(0x83, b"").await;
    upgraded.closed().await;
    drop(shake_hands(&stage, &ana).await);
    ana.post(br#"42["a"]"#).await;
    let mut polled = ana.poll().await;
    if polled.text() == "6" {
        // The last probe was not over yet.
        polled = ana.poll().await;
    }
    assert_eq!(polled.text(), r#"42["a"]"#);
    ana.post(b"1").await;
    ana.poll_to_end().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_takes_no_longer_than_it_may() {
    let config = Config {
        upgrade_timeout: Duration::from_millis(100),
        ..Config::default()
    };
    let stage = Stage::open(config).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    let mut silent = shake_hands(&stage, &ana).await;
    silent.closed().await;
    let mut half = shake_hands(&stage, &ana).await;
    half.text("2probe").await;
    assert_eq!(half.next_text().await, "3probe");
    half.closed().await;
    eventually(LIMIT, async || {
        ana.post(br#"42["a"]"#).await;
        ana.poll().await.text() != "6"
    })
    .await;
    ana.post(b"1").await;
    ana.poll_to_end().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_takes_over_and_no_other() {
    let mut stage = Stage::open(Config::default()).await;
    let ana = Poller::connected(stage.address, "ana").await;
    let mut first = shake_hands(&stage, &ana).await;
    first.text("2probe").await;
    assert_eq!(first.next_text().await, "3probe");
    let mut second = shake_hands(&stage, &ana).await;
    second.text("2probe").await;
    second.closed().await;
    first.text("5").await;
    first.text(r#"42["a"]"#).await;
    assert_eq!(first.next_message().await, r#"42["a"]"#);
    // Nor a later one.
    let target = format!("{}&sid={}", websocket::TARGET, ana.sid);
    let third = WebSocket::shake_hands(stage.address, &target).await;
    let refusal = third.err().unwrap();
    assert_eq!((refusal.status, refusal.code()), (400, Some(3)));
    first.text(r#"42["b"]"#).await;
    assert_eq!(first.next_message().await, r#"42["b"]"#);
    drop(first);
    assert_eq!(stage.parting("ana").await, DisconnectReason::TransportClose);
    stage.goes_on().await;
    stage.close().await;
}
