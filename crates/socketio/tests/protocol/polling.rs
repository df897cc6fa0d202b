use socketio::{Config, DisconnectReason};
use testkit::eventually;

use crate::{
    poller::{self, Poller},
    stage::Stage,
    wire::{LIMIT, Wire},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_of_one_body_are_handled_in_their_order() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    let events: Vec<String> = (0..200)
        .map(|number| format!(r#"42["n",{number}]"#))
        .collect();
    let posted = ana.post(events.join("\u{1e}").as_bytes()).await;
    assert_eq!((posted.status, posted.text()), (200, "ok"));
    let mut echoed = Vec::new();
    while echoed.len() < events.len() {
        let polled = ana.poll().await;
        assert_eq!(polled.status, 200);
        assert!(
            polled
                .head
                .contains("content-type: text/plain; charset=utf-8")
        );
        echoed.extend(polled.text().split('\u{1e}').map(str::to_owned));
    }
    assert_eq!(echoed, events);
    ana.post(b"1").await;
    ana.poll_to_end().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_waits_until_there_is_something() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    ana.begin_poll().await;
    ana.post(br#"42["a"]"#).await;
    assert_eq!(ana.polled().await.text(), r#"42["a"]"#);
    ana.post(b"41").await;
    assert_eq!(
        stage.parting("ana").await,
        DisconnectReason::ClientDisconnect
    );
    assert!(ana.poll_to_end().await);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_poll_at_the_same_time_ends_the_session() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    ana.begin_poll().await;
    // Until the first one waits, the second may be the first.
    let second = ana.request("GET", b"").await;
    let first = ana.polled().await;
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(stage.parting("ana").await, DisconnectReason::TransportError);
    ana.poll_to_end().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_post_at_the_same_time_ends_the_session() {
    let config = Config {
        inbox_events: 1,
        ..Config::default()
    };
    let stage = Stage::open(config).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    let target = ana.target();
    let mut first = Wire::open(stage.address).await;
    let body = ["42[\"hold\"]"; 5].join("\u{1e}");
    first.ask("POST", &target, &[], body.as_bytes()).await;
    eventually(LIMIT, async || {
        stage.app.heard.lock().unwrap().contains(&"hold".to_owned())
    })
    .await;
    let second = ana.post(b"3").await;
    assert_eq!((second.status, second.code()), (400, Some(3)));
    assert_eq!(first.answer().await.status, 400);
    stage.app.release.add_permits(5);
    assert_eq!(stage.parting("ana").await, DisconnectReason::TransportError);
    ana.poll_to_end().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_malformed_body_ends_the_session_of_its_sender_alone() {
    let mut stage = Stage::open(Config::default()).await;
    let cases: [&[u8]; 16] = [
        b"",
        b"\x1e",
        b"42[\"a\"]\x1e",
        b"\x1e42[\"a\"]",
        b"42[\"a\"]\x1e\x1e42[\"b\"]",
        b"4\xff",
        b"b*",
        b"bAQ",
        b"hello",
        b"0{}",
        b"2",
        b"5",
        b"42[]",
        b"bAQID",
        b"40",
        b"42[\"a\"]\x1e42[\"connect\"]",
    ];
    for (index, body) in cases.into_iter().enumerate() {
        let name = format!("{index}");
        let mut guest = Poller::connected(stage.address, &name).await;
        guest.post(body).await;
        let shown = String::from_utf8_lossy(body);
        assert_eq!(
            stage.parting(&name).await,
            DisconnectReason::ParseError,
            "{shown}"
        );
        assert!(guest.poll_to_end().await, "{shown}");
        stage.goes_on().await;
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_engine_io_is_a_bad_request() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    let posted = ana.post(b"hello").await;
    assert_eq!((posted.status, posted.code()), (400, Some(3)));
    ana.poll_to_end().await;
    let posted = ana.post(b"3").await;
    assert_eq!((posted.status, posted.code()), (400, Some(1)));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_limit_is_refused_before_it_has_come() {
    let config = Config {
        max_payload: 1000,
        ..Config::default()
    };
    let stage = Stage::open(config).await;
    let largest = format!(r#"42["{}"]"#, "x".repeat(1000 - 6));
    let mut ana = Poller::connected(stage.address, "ana").await;
    assert_eq!(ana.post(largest.as_bytes()).await.status, 200);
    assert_eq!(ana.poll().await.text(), largest);
    let mut wire = Wire::open(stage.address).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: server\r\ncontent-length: 1001\r\n\r\n",
        ana.target()
    );
    wire.send(&[head.as_bytes(), &[b'x'; 1001]].concat()).await;
    assert_eq!(wire.answer().await.status, 413);
    assert_eq!(stage.parting("ana").await, DisconnectReason::ParseError);
    ana.poll_to_end().await;

    let mut bo = Poller::connected(stage.address, "bo").await;
    let mut wire = Wire::open(stage.address).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: server\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n",
        bo.target()
    );
    wire.send(&[head.as_bytes(), &[b'x'; 1001], b"\r\n0\r\n\r\n"].concat())
        .await;
    assert_eq!(wire.answer().await.status, 413);
    assert_eq!(stage.parting("bo").await, DisconnectReason::ParseError);
    bo.poll_to_end().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_takes_only_gets_and_posts() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = ana.request(method, b"").await;
        assert_eq!((answer.status, answer.code()), (400, Some(3)), "{method}");
    }
    ana.post(br#"42["a"]"#).await;
    assert_eq!(ana.poll().await.text(), r#"42["a"]"#);
    ana.post(b"1").await;
    ana.poll_to_end().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_over_a_poll_is_gone() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    ana.begin_poll().await;
    // A poll that comes together with the end of its connection is never looked at: the session
    // would end with its heartbeat.
    for _ in 0..5 {
        assert_eq!(ana.post(b"3").await.status, 200);
    }
    drop(ana);
    assert_eq!(stage.parting("ana").await, DisconnectReason::TransportError);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_may_carry_every_request() {
    let stage = Stage::open(Config::default()).await;
    let mut wire = Wire::open(stage.address).await;
    let open = wire.request("GET", poller::TARGET, &[], b"").await;
    let open: serde_json::Value =
        serde_json::from_str(open.text().strip_prefix('0').unwrap()).unwrap();
    let target = format!("{}&sid={}", poller::TARGET, open["sid"].as_str().unwrap());
    assert_eq!(wire.request("POST", &target, &[], b"40").await.text(), "ok");
    assert!(
        wire.request("GET", &target, &[], b"")
            .await
            .text()
            .starts_with("40")
    );
    // Pipelined: the answers come in the order of the requests.
    wire.ask("POST", &target, &[], br#"42["a"]"#).await;
    wire.ask("GET", &target, &[], b"").await;
    assert_eq!(wire.answer().await.text(), "ok");
    assert_eq!(wire.answer().await.text(), r#"42["a"]"#);
    assert_eq!(wire.request("POST", &target, &[], b"1").await.text(), "ok");
    while wire.request("GET", &target, &[], b"").await.status == 200 {}
    stage.close().await;
}
