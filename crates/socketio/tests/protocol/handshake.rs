use socketio::Config;
use testkit::eventually;

use crate::{
    poller,
    stage::Stage,
    websocket::{self, UPGRADE, WebSocket},
    wire::{LIMIT, Wire},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_handshake_has_its_answer() {
    let stage = Stage::open(Config::default()).await;
    let cases = [
        ("GET", "EIO=4&transport=abc", 0, "Transport unknown"),
        ("GET", "EIO=4", 0, "Transport unknown"),
        ("GET", "EIO=4&transport=constructor", 0, "Transport unknown"),
        (
            "GET",
            "EIO=4&transport=polling&sid=abcd",
            1,
            "Session ID unknown",
        ),
        (
            "POST",
            "EIO=4&transport=polling&sid=",
            1,
            "Session ID unknown",
        ),
        (
            "GET",
            "EIO=4&transport=websocket&sid=abcd",
            1,
            "Session ID unknown",
        ),
        ("POST", "EIO=4&transport=polling", 2, "Bad handshake method"),
        ("PUT", "EIO=4&transport=polling", 2, "Bad handshake method"),
        (
            "OPTIONS",
            "EIO=4&transport=polling",
            2,
            "Bad handshake method",
        ),
        ("GET", "EIO=4&transport=polling&j=0", 3, "Bad request"),
        (
            "GET",
            "EIO=3&transport=polling",
            5,
            "Unsupported protocol version",
        ),
        (
            "GET",
            "transport=polling",
            5,
            "Unsupported protocol version",
        ),
        (
            "GET",
            "EIO=abc&transport=polling",
            5,
            "Unsupported protocol version",
        ),
        (
            "GET",
            "EIO=3&transport=websocket",
            5,
            "Unsupported protocol version",
        ),
    ];
    // All over one connection: a refusal does not end it.
    let mut wire = Wire::open(stage.address).await;
    for (method, query, code, message) in cases {
        let target = format!("/socket.io/?{query}");
        let answer = wire.request(method, &target, &[], b"").await;
        assert_eq!(answer.status, 400, "{method} {query}");
        let expected = serde_json::json!({ "code": code, "message": message });
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body, expected, "{method} {query}");
        assert!(answer.head.contains("content-type: application/json"));
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_handshake_of_a_websocket_is_refused() {
    let stage = Stage::open(Config::default()).await;
    let cases = [
        ("upgrade", "h2c", 400),
        ("connection", "close", 400),
        ("sec-websocket-version", "8", 426),
        ("sec-websocket-key", "short", 400),
    ];
    for (name, value, status) in cases {
        let mut headers = UPGRADE.to_vec();
        headers.retain(|(other, _)| *other != name);
        headers.push((name, value));
        let mut wire = Wire::open(stage.address).await;
        let answer = wire.request("GET", websocket::TARGET, &headers, b"").await;
        assert_eq!(answer.status, status, "{name}: {value}");
        let names_version = answer.head.contains("sec-websocket-version: 13");
        assert_eq!(names_version, status == 426);
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_ends_only_its_connection() {
    let stage = Stage::open(Config::default()).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"GET\r\n\r\n",
        b"\r\n\r\n\0\0\0\r\n\r\n",
    ] {
        let mut wire = Wire::open(stage.address).await;
        wire.send(bytes).await;
        wire.end().await;
        while wire.take(1).await.is_some() {}
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_paths_are_not_the_servers_own() {
    let stage = Stage::open(Config::default()).await;
    let mut wire = Wire::open(stage.address).await;
    for target in ["/", "/socket.iox/?EIO=4&transport=polling", "/readyz"] {
        assert_eq!(
            wire.request("GET", target, &[], b"").await.status,
            404,
            "{target}"
        );
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_packet_says_what_the_client_has_to_know() {
    let stage = Stage::open(Config::default()).await;
    let mut wire = Wire::open(stage.address).await;
    let answer = wire.request("GET", poller::TARGET, &[], b"").await;
    let polling = answer.text().to_owned();
    let mut websocket = WebSocket::shake_hands(stage.address, websocket::TARGET)
        .await
        .unwrap();
    let websocket = websocket.next_text().await;
    for (packet, upgrades) in [(polling, &["websocket"][..]), (websocket, &[])] {
        let open = packet.strip_prefix('0').unwrap();
        let open: serde_json::Value = serde_json::from_str(open).unwrap();
        assert_eq!(open["sid"].as_str().unwrap().len(), 20);
        assert_eq!(open["upgrades"], serde_json::json!(upgrades));
        assert_eq!(open["pingInterval"], 25_000);
        assert_eq!(open["pingTimeout"], 20_000);
        assert_eq!(open["maxPayload"], 1_000_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_of_a_session_begins_with_the_name_that_a_proxy_gives_the_replica() {
    let config = Config {
        sid_prefix_header: Some(http::HeaderName::from_static("x-replica")),
        ..Config::default()
    };
    let stage = Stage::open(config).await;
    let mut wire = Wire::open(stage.address).await;
    let cases = [
        ("r1", Some("r1.")),
        ("0123456789abcdef", Some("0123456789abcdef.")),
        ("0123456789abcdefg", None),
        ("R1", None),
        ("a.b", None),
        ("", None),
    ];
    for (name, prefix) in cases {
        let headers = [("x-replica", name)];
        let answer = wire.request("GET", poller::TARGET, &headers, b"").await;
        let open: serde_json::Value = serde_json::from_slice(&answer.body[1..]).unwrap();
        let sid = open["sid"].as_str().unwrap();
        let random = sid.strip_prefix(prefix.unwrap_or_default()).unwrap();
        assert_eq!(random.len(), 20, "{sid}");
        assert!(!random.contains('.'), "{sid}");
        // By this name it is found.
        let target = format!("{}&sid={sid}", poller::TARGET);
        assert_eq!(wire.request("POST", &target, &[], b"1").await.status, 200);
    }
    drop(wire);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_full_says_so_and_has_room_again() {
    let config = Config {
        max_sessions: 2,
        ..Config::default()
    };
    let stage = Stage::open(config).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    let mut wire = Wire::open(stage.address).await;
    let answer = wire.request("GET", poller::TARGET, &[], b"").await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    let refused = WebSocket::shake_hands(stage.address, websocket::TARGET).await;
    assert_eq!(refused.err().unwrap().status, 503);
    ana.text("41").await;
    ana.closed().await;
    eventually(LIMIT, async || {
        WebSocket::shake_hands(stage.address, websocket::TARGET)
            .await
            .is_ok()
    })
    .await;
    drop(wire);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_head_of_a_request_has_a_limit() {
    let stage = Stage::open(Config::default()).await;
    let mut wire = Wire::open(stage.address).await;
    let long = "x".repeat(100_000);
    let answer = wire
        .request("GET", poller::TARGET, &[("cookie", &long)], b"")
        .await;
    assert_eq!(answer.status, 431);
    drop(wire);
    stage.close().await;
}
