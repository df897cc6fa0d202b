//! Order, and what one client can make the server do and hold.

use std::{iter, time::Duration};

use futures_util::future::join_all;
use socketio::{Config, DisconnectReason, DrainPace};
use testkit::eventually;
use tokio::time::timeout;

use crate::{
    stage::Stage,
    websocket::{TEXT, WebSocket, frame},
    wire::{LIMIT, Wire},
};

const BURST: usize = 2000;

fn events(names: impl IntoIterator<Item = String>) -> Vec<u8> {
    let events = names.into_iter();
    events
        .flat_map(|name| frame(TEXT, format!(r#"42["{name}"]"#).as_bytes()))
        .collect()
}

fn numbers(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_is_handled_whole_and_in_order_behind_a_handler_that_waits() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    let hold = iter::once("hold".to_owned());
    ana.wire.send(&events(hold.chain(numbers(BURST)))).await;
    eventually(LIMIT, async || stage.app.heard.lock().unwrap().len() == 1).await;
    stage.app.release.add_permits(1);
    for number in numbers(BURST) {
        assert_eq!(ana.next_message().await, format!(r#"42["{number}"]"#));
    }
    drop(ana);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_the_end_is_handled_before_it() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    let all = ["hold".to_owned()].into_iter().chain(numbers(30));
    ana.wire.send(&events(all)).await;
    eventually(LIMIT, async || stage.app.heard.lock().unwrap().len() == 1).await;
    drop(ana);
    // The connection is known to be over while the handler is at work.
    eventually(LIMIT, async || stage.server.sessions() == 1).await;
    assert!(stage.app.partings.lock().unwrap().is_empty());
    stage.app.release.add_permits(1);
    stage.parting("ana").await;
    let heard = stage.app.heard.lock().unwrap().clone();
    let heard: Vec<_> = heard
        .into_iter()
        .filter(|it| it != "still there?")
        .collect();
    assert_eq!(heard[0], "hold");
    assert_eq!(heard[1..], numbers(30).collect::<Vec<_>>());
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_read_is_closed_when_the_outbox_is_full() {
    let config = Config {
        outbox_bytes: 100_000,
        ..Config::default()
    };
    let mut stage = Stage::open(config).await;
    let ana = WebSocket::connected(stage.address, "ana").await;
    let event = frame(
        TEXT,
        format!(r#"42["a","{}"]"#, "x".repeat(50_000)).as_bytes(),
    );
    let shouting = async {
        let mut wire = ana.wire;
        while wire.try_send(&event).await {}
    };
    // What the kernel holds for both directions comes first: megabytes.
    timeout(LIMIT, shouting).await.expect("an end");
    assert_eq!(stage.parting("ana").await, DisconnectReason::OutboxFull);
    stage.goes_on().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_late_gets_all_of_it() {
    let config = Config {
        outbox_bytes: 100_000_000,
        ..Config::default()
    };
    let stage = Stage::open(config).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    // More than the kernel holds.
    let long = "x".repeat(500_000);
    for number in numbers(40) {
        ana.text(&format!(r#"42["{number}","{long}"]"#)).await;
    }
    eventually(LIMIT, async || stage.app.heard.lock().unwrap().len() == 40).await;
    for number in numbers(40) {
        let told = ana.next_message().await;
        assert!(told == format!(r#"42["{number}","{long}"]"#), "{number}");
    }
    drop(ana);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_ends_nothing() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    ana.text(r#"42["panic"]"#).await;
    ana.text(r#"42["and on"]"#).await;
    assert_eq!(ana.next_message().await, r#"42["and on"]"#);
    drop(ana);
    assert_eq!(stage.parting("ana").await, DisconnectReason::TransportClose);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_application_may_refuse_an_event_or_its_sender() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    ana.text(r#"421["refuse me"]"#).await;
    assert_eq!(ana.next_message().await, r#"431["too much"]"#);
    ana.text(r#"42["disconnect me"]"#).await;
    assert_eq!(ana.closed().await, Some(1008));
    assert_eq!(stage.parting("ana").await, DisconnectReason::RateLimited);
    let heard = stage.app.heard.lock().unwrap().clone();
    assert!(heard.is_empty(), "{heard:?}");
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_leaves_nobody_and_tells_the_application_of_everybody() {
    let config = Config {
        linger: Duration::from_millis(200),
        ..Config::default()
    };
    let stage = Stage::open_alone(config).await;
    let names: Vec<String> = numbers(100).collect();
    let guests = names
        .iter()
        .map(|name| WebSocket::connected(stage.address, name));
    let mut guests = join_all(guests).await;
    // One of them neither reads nor hangs up.
    let idler = guests.pop();
    let pace = DrainPace {
        batch: 7,
        pause: Duration::from_millis(1),
    };
    let codes = join_all(guests.iter_mut().map(WebSocket::closed));
    let drained = timeout(LIMIT, stage.server.drain(pace));
    let (codes, drained) = tokio::join!(codes, drained);
    drained.expect("the drain ends");
    assert_eq!(codes, vec![Some(1001); 99]);
    assert_eq!((stage.server.sockets(), stage.server.sessions()), (0, 0));
    let mut partings = stage.app.partings.lock().unwrap().clone();
    partings.sort_by_key(|(name, _)| name.parse::<usize>().ok());
    let expected = names
        .into_iter()
        .map(|name| (name, DisconnectReason::ServerShutdown));
    assert_eq!(partings, expected.collect::<Vec<_>>());
    drop(idler);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_without_a_session_do_not_hold_the_drain_up() {
    let stage = Stage::open(Config::default()).await;
    let mut idle = Wire::open(stage.address).await;
    assert_eq!(idle.request("GET", "/", &[], b"").await.status, 404);
    let unused = Wire::open(stage.address).await;
    // Sooner than they would be given up.
    let closed = timeout(Duration::from_secs(8), stage.close()).await;
    closed.expect("the drain ends");
    drop((idle, unused));
}
