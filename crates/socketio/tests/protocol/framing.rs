use rand::{RngExt, SeedableRng, rngs::StdRng};
use socketio::{Config, DisconnectReason};

use crate::{
    stage::Stage,
    websocket::{
        BINARY, CLOSE, FIRST_TEXT, LAST, MIDDLE, PING, PONG, TARGET, TEXT, UPGRADE, WebSocket,
        frame,
    },
    wire::{Wire, request},
};

fn small() -> Config {
    Config {
        max_payload: 1000,
        ..Config::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fragments_make_one_message_and_control_frames_may_come_between_them() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    ana.frame(FIRST_TEXT, br#"42["say","#).await;
    ana.frame(PING, b"are you there?").await;
    ana.frame(MIDDLE, "\"h\u{e9}".as_bytes().split_at(3).0)
        .await;
    ana.frame(PONG, b"nobody asked").await;
    ana.frame(MIDDLE, b"").await;
    assert_eq!(
        ana.next_frame().await,
        Some((PONG, b"are you there?".to_vec()))
    );
    ana.frame(LAST, &[&"\u{e9}".as_bytes()[1..], br#""]"#].concat())
        .await;
    assert_eq!(ana.next_message().await, "42[\"say\",\"h\u{e9}\"]");
    drop(ana);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_may_come_one_by_one_or_with_the_handshake() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::open(stage.address).await;
    let bytes = [
        frame(TEXT, br#"40{"name":"ana"}"#),
        frame(TEXT, br#"42["a"]"#),
    ]
    .concat();
    for byte in bytes {
        ana.wire.send(&[byte]).await;
    }
    assert!(ana.next_message().await.starts_with("40"));
    assert_eq!(ana.next_message().await, r#"42["a"]"#);

    let early = [request("GET", TARGET, &UPGRADE, b""), frame(TEXT, b"40")];
    let mut wire = Wire::open(stage.address).await;
    wire.send(&early.concat()).await;
    assert_eq!(wire.answer().await.status, 101);
    let mut bo = WebSocket { wire };
    assert!(bo.next_message().await.starts_with("0{"));
    assert!(bo.next_message().await.starts_with("40"));
    bo.text(r#"42["b"]"#).await;
    assert_eq!(bo.next_message().await, r#"42["b"]"#);
    drop((ana, bo));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_every_length_come_back_whole() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    for length in [0, 100, 115, 116, 117, 65_525, 65_526, 65_527, 900_000] {
        let message = format!(r#"42["a","{}"]"#, "x".repeat(length));
        ana.text(&message).await;
        assert_eq!(ana.next_message().await, message, "{length}");
    }
    drop(ana);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_breach_of_the_framing_closes_with_its_code() {
    let mut stage = Stage::open(small()).await;
    let too_long = format!(r#"42["{}"]"#, "x".repeat(1000));
    let cases = [
        ("a reserved bit", frame(0xc1, b"x"), 1002),
        ("a reserved opcode", frame(0x83, b"x"), 1002),
        ("a reserved control opcode", frame(0x8b, b"x"), 1002),
        ("no mask", vec![TEXT, 0x01, b'3'], 1002),
        ("a ping in fragments", frame(0x09, b"x"), 1002),
        ("a ping of 126 bytes", frame(PING, &[0; 126]), 1002),
        ("a continuation of nothing", frame(LAST, b"x"), 1002),
        (
            "a message within another",
            [frame(FIRST_TEXT, b"42"), frame(TEXT, b"3")].concat(),
            1002,
        ),
        ("a length written too long", vec![TEXT, 0xfe, 0, 5], 1002),
        (
            "a close code that nobody may send",
            frame(CLOSE, &1005u16.to_be_bytes()),
            1002,
        ),
        ("half a close code", frame(CLOSE, &[3]), 1002),
        ("text that is not UTF-8", frame(TEXT, b"42[\"\xff\"]"), 1007),
        ("half a character", frame(TEXT, b"42[\"\xc3"), 1007),
        (
            "a close reason that is not UTF-8",
            frame(CLOSE, b"\x03\xe8\xff"),
            1007,
        ),
        (
            "a message over the limit",
            frame(TEXT, too_long.as_bytes()),
            1009,
        ),
        (
            "fragments over the limit",
            [frame(FIRST_TEXT, &[b'x'; 600]), frame(LAST, &[b'x'; 600])].concat(),
            1009,
        ),
        (
            "the header of a message far over the limit",
            [&[BINARY, 0xff][..], &(1u64 << 40).to_be_bytes(), &[0; 4]].concat(),
            1009,
        ),
    ];
    for (what, bytes, code) in cases {
        let mut guest = WebSocket::connected(stage.address, what).await;
        guest.wire.send(&bytes).await;
        assert_eq!(guest.closed().await, Some(code), "{what}");
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
async fn what_came_before_a_breach_is_handled() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    let bytes = [frame(TEXT, br#"42["last words"]"#), frame(0x83, b"x")].concat();
    ana.wire.send(&bytes).await;
    assert_eq!(ana.closed().await, Some(1002));
    assert_eq!(stage.parting("ana").await, DisconnectReason::ParseError);
    assert!(
        stage
            .app
            .heard
            .lock()
            .unwrap()
            .contains(&"last words".to_owned())
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_frame_is_answered_with_its_code() {
    let stage = Stage::open(Config::default()).await;
    for (payload, code) in [
        (&b"\x03\xe8bye"[..], 1000),
        (b"\x03\xe9", 1001),
        (b"\x0f\xa0", 4000),
    ] {
        let name = code.to_string();
        let mut guest = WebSocket::connected(stage.address, &name).await;
        guest.frame(CLOSE, payload).await;
        let (first, payload) = guest.next_frame().await.unwrap();
        assert_eq!(first, CLOSE);
        assert_eq!(payload[..2], u16::to_be_bytes(code));
        assert_eq!(guest.next_frame().await, None);
        assert_eq!(stage.parting(&name).await, DisconnectReason::TransportClose);
    }
    let mut silent = WebSocket::connected(stage.address, "silent").await;
    silent.frame(CLOSE, b"").await;
    assert_eq!(silent.next_frame().await.unwrap().0, CLOSE);
    assert_eq!(silent.next_frame().await, None);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_is_gone_at_once() {
    let stage = Stage::open(Config::default()).await;
    let mut half = WebSocket::connected(stage.address, "half").await;
    half.text(r#"42["last words"]"#).await;
    half.wire.end().await;
    assert_eq!(
        stage.parting("half").await,
        DisconnectReason::TransportClose
    );
    assert!(
        stage
            .app
            .heard
            .lock()
            .unwrap()
            .contains(&"last words".to_owned())
    );
    while half.next_frame().await.is_some() {}

    let mut amid = WebSocket::connected(stage.address, "amid").await;
    amid.wire.send(&frame(TEXT, br#"42["cut"]"#)[..7]).await;
    drop(amid);
    assert_eq!(
        stage.parting("amid").await,
        DisconnectReason::TransportClose
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_disturbs_nobody_else() {
    let mut stage = Stage::open(small()).await;
    for seed in 0..200 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut guest = WebSocket::connected(stage.address, "guest").await;
        for _ in 0..10 {
            let length = random.random_range(0..40);
            let payload: Vec<u8> = (0..length).map(|_| random.random()).collect();
            let text = [b"45", &payload[..]].concat();
            let bytes = match random.random_range(0..4) {
                0 => payload,
                1 => frame(random.random(), &payload),
                2 => frame(BINARY, &payload),
                _ => frame(TEXT, &text.to_ascii_lowercase()),
            };
            // The server may have closed the connection by now.
            guest.wire.try_send(&bytes).await;
        }
        drop(guest);
        stage.goes_on().await;
    }
    stage.close().await;
}
