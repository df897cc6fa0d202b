use socketio::{Config, DisconnectReason};

use crate::{
    poller::Poller,
    stage::Stage,
    websocket::{BINARY, WebSocket},
};

const ONE: &str = r#"451-["a",{"_placeholder":true,"num":0}]"#;
const TWO: &str = r#"452-7["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_follow_their_event_and_its_answer() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    ana.text(TWO).await;
    ana.frame(BINARY, &[0, 255, 30]).await;
    ana.frame(BINARY, b"").await;
    let echo = TWO.replace("452-7", "452-");
    let ack = r#"462-7[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    for packet in [echo.as_str(), ack] {
        assert_eq!(ana.next_message().await, packet);
        assert_eq!(ana.next_frame().await, Some((BINARY, vec![0, 255, 30])));
        assert_eq!(ana.next_frame().await, Some((BINARY, vec![])));
    }
    drop(ana);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_are_base64_when_polled() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = Poller::connected(stage.address, "ana").await;
    let posted = ana.post(format!("{ONE}\u{1e}bAP8e").as_bytes()).await;
    assert_eq!((posted.status, posted.text()), (200, "ok"));
    assert_eq!(ana.poll().await.text(), format!("{ONE}\u{1e}bAP8e"));
    // It may come with another request than its packet.
    ana.post(ONE.as_bytes()).await;
    ana.post(b"bAQ==").await;
    assert_eq!(ana.poll().await.text(), format!("{ONE}\u{1e}bAQ=="));
    ana.post(b"1").await;
    assert_eq!(stage.parting("ana").await, DisconnectReason::TransportClose);
    ana.poll_to_end().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_out_of_place_end_the_session() {
    let config = Config {
        max_attachments: 2,
        max_payload: 1000,
        ..Config::default()
    };
    let mut stage = Stage::open(config).await;
    let three = r#"453-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]"#;
    let large = "x".repeat(600);
    let cases: [(&str, &[(&str, bool)]); 5] = [
        ("unannounced", &[("x", true)]),
        ("one too many", &[(ONE, false), ("x", true), ("y", true)]),
        (
            "text between",
            &[(TWO, false), ("x", true), (r#"42["a"]"#, false)],
        ),
        ("over the number", &[(three, false)]),
        (
            "over the size",
            &[(TWO, false), (&large, true), (&large, true)],
        ),
    ];
    for (what, messages) in cases {
        let mut guest = WebSocket::connected(stage.address, what).await;
        for (message, is_binary) in messages {
            if *is_binary {
                guest.frame(BINARY, message.as_bytes()).await;
            } else {
                guest.text(message).await;
            }
        }
        assert_eq!(guest.closed().await, Some(1002), "{what}");
        assert_eq!(
            stage.parting(what).await,
            DisconnectReason::ParseError,
            "{what}"
        );
        stage.goes_on().await;
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_may_come_between_attachments() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    ana.text(TWO).await;
    ana.frame(BINARY, b"x").await;
    ana.text("3").await;
    ana.frame(BINARY, b"y").await;
    assert_eq!(ana.next_message().await, TWO.replace("452-7", "452-"));
    drop(ana);
    stage.close().await;
}
