//! Clients that come back, and what they show.

use serde_json::{Value, json};
use socketio::{Config, DisconnectReason, Message};

use crate::{stage::Stage, websocket::WebSocket};

/// Asks to be connected: what the client is told.
async fn connect(websocket: &mut WebSocket, auth: &Value) -> Value {
    websocket.text(&format!("40{auth}")).await;
    let told = websocket.next_message().await;
    serde_json::from_str(told.strip_prefix("40").unwrap()).unwrap()
}

async fn publish(stage: &Stage, log: &str, note: u32) {
    let message = Message::event("note").with(&note).unwrap();
    let feeds = stage.server.feeds().unwrap();
    feeds.publish(log, &message, None, None).await.unwrap();
}

/// The number of the next note, and its offset.
async fn note(websocket: &mut WebSocket) -> (u64, String) {
    let told = websocket.next_message().await;
    let event: Value = serde_json::from_str(told.strip_prefix("42").unwrap()).unwrap();
    assert_eq!(event[0], "note");
    (
        event[1].as_u64().unwrap(),
        event[2].as_str().unwrap().to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_before_anybody_knows_takes_over() {
    let stage = Stage::open(Config::default()).await;
    let mut before = WebSocket::open(stage.address).await;
    let mut ana = json!({ "name": "ana", "log": "ana" });
    let told = connect(&mut before, &ana).await;
    publish(&stage, "ana", 1).await;
    let (_, offset) = note(&mut before).await;
    // These may be on the way of a network that the phone has left.
    publish(&stage, "ana", 2).await;
    publish(&stage, "ana", 3).await;

    ana["pid"] = told["pid"].clone();
    ana["offset"] = offset.into();
    let mut after = WebSocket::open(stage.address).await;
    assert_eq!(connect(&mut after, &ana).await, told, "the same socket");
    assert_eq!(stage.parting("ana").await, DisconnectReason::TransportClose);
    publish(&stage, "ana", 4).await;
    for number in 2..=4 {
        assert_eq!(note(&mut after).await.0, number);
    }
    drop((before, after));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_shown_to_be_complete_is_not_recovered() {
    let stage = Stage::open(Config::default()).await;
    for (log, offset) in [
        ("ana", json!("hello")),
        ("ana", json!("1:1")),
        ("ana", json!(format!("{}:{}", u64::MAX, u64::MAX))),
        ("ana", json!("01:1")),
        ("bo", Value::Null),
    ] {
        let mut before = WebSocket::open(stage.address).await;
        let mut auth = json!({ "name": "ana", "log": "ana" });
        let told = connect(&mut before, &auth).await;
        publish(&stage, "ana", 1).await;
        let (_, had) = note(&mut before).await;
        drop(before);

        auth["pid"] = told["pid"].clone();
        auth["log"] = log.into();
        // An epoch of a log before this one says that nothing was had of this one.
        let is_former = offset == json!("1:1");
        auth["offset"] = if offset.is_null() { had.into() } else { offset };
        let mut after = WebSocket::open(stage.address).await;
        let told_now = connect(&mut after, &auth).await;
        assert_eq!(told_now["pid"] == told["pid"], is_former, "{auth}");
        assert_eq!(told_now["sid"] == told["sid"], is_former, "{auth}");
        publish(&stage, log, 2).await;
        if is_former {
            assert_eq!(note(&mut after).await.0, 1);
        }
        assert_eq!(note(&mut after).await.0, 2, "{auth}");
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_arrive_the_first_time_comes_the_second() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = json!({ "name": "ana", "log": "ana" });
    let mut first = WebSocket::open(stage.address).await;
    ana["pid"] = connect(&mut first, &ana).await["pid"].clone();
    publish(&stage, "ana", 1).await;
    let (_, offset) = note(&mut first).await;
    drop(first);
    publish(&stage, "ana", 2).await;

    ana["offset"] = offset.into();
    for _ in 0..3 {
        // What it missed was sent, but the network goes again before it has read it.
        let mut again = WebSocket::open(stage.address).await;
        assert_eq!(connect(&mut again, &ana).await["pid"], ana["pid"]);
    }
    let mut last = WebSocket::open(stage.address).await;
    assert_eq!(connect(&mut last, &ana).await["pid"], ana["pid"]);
    assert_eq!(note(&mut last).await.0, 2);
    drop(last);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_back_as_somebody_else() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::open(stage.address).await;
    let auth = json!({ "name": "ana", "log": "ana", "room": "kitchen" });
    let told = connect(&mut ana, &auth).await;
    assert_eq!(stage.server.to("kitchen").len(), 1);
    drop(ana);
    stage.parting("ana").await;

    let mut bo = WebSocket::open(stage.address).await;
    let auth = json!({ "name": "bo", "log": "bo", "pid": told["pid"] });
    let told_bo = connect(&mut bo, &auth).await;
    assert_ne!(told_bo["pid"], told["pid"]);
    assert_ne!(told_bo["sid"], told["sid"]);
    assert_eq!(stage.server.to("kitchen").len(), 0);
    drop(bo);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_said_goodbye_begins_anew() {
    let stage = Stage::open(Config::default()).await;
    let mut before = WebSocket::open(stage.address).await;
    let mut ana = json!({ "name": "ana", "log": "ana" });
    let told = connect(&mut before, &ana).await;
    before.text("41").await;
    assert_eq!(
        stage.parting("ana").await,
        DisconnectReason::ClientDisconnect
    );
    ana["pid"] = told["pid"].clone();
    let mut after = WebSocket::open(stage.address).await;
    assert_ne!(connect(&mut after, &ana).await["pid"], told["pid"]);
    drop((before, after));
    stage.close().await;
}
