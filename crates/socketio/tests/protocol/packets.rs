use socketio::{Config, DisconnectReason};

use crate::{stage::Stage, websocket::WebSocket};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_answers_come_back_as_they_were_sent() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    let cases = [
        (r#"42["a"]"#, vec![r#"42["a"]"#]),
        (r#"42/,["a",1]"#, vec![r#"42["a",1]"#]),
        (
            r#"4213["a",{"b":[null,1.5,"\u001e"]}]"#,
            vec![
                r#"42["a",{"b":[null,1.5,"\u001e"]}]"#,
                r#"4313[{"b":[null,1.5,"\u001e"]}]"#,
            ],
        ),
        (r#"420["a"]"#, vec![r#"42["a"]"#, "430[]"]),
        (
            r#"429007199254740991["a"]"#,
            vec![r#"42["a"]"#, "439007199254740991[]"],
        ),
        (
            r#"42["a",{"_placeholder":true,"num":0}]"#,
            vec![r#"42["a",{"_placeholder":true,"num":0}]"#],
        ),
    ];
    for (sent, expected) in cases {
        ana.text(sent).await;
        for message in expected {
            assert_eq!(ana.next_message().await, message);
        }
    }
    drop(ana);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_answers_what_it_was_asked() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    ana.text(r#"42["ask"]"#).await;
    let question = ana.next_message().await;
    let id = question
        .strip_prefix("42")
        .unwrap()
        .strip_suffix(r#"["question"]"#)
        .unwrap();
    // Nobody waits for these.
    ana.text("43999[1]").await;
    ana.text(r#"43999["again"]"#).await;
    ana.text(&format!(r#"43{id}["yes",2]"#)).await;
    assert_eq!(ana.next_message().await, r#"42["answer","yes",2]"#);
    ana.text(&format!(r#"43{id}["twice"]"#)).await;
    ana.text(r#"42["still here"]"#).await;
    assert_eq!(ana.next_message().await, r#"42["still here"]"#);
    drop(ana);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_client_hears_why_and_may_ask_again() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::open(stage.address).await;
    ana.text(r#"40{"refuse":"not today"}"#).await;
    let refusal = ana.next_message().await;
    let refusal: serde_json::Value =
        serde_json::from_str(refusal.strip_prefix("44").unwrap()).unwrap();
    assert_eq!(
        refusal,
        serde_json::json!({ "message": "not today", "data": { "code": "refused" } })
    );
    ana.connect("ana").await;
    drop(ana);
    assert_eq!(stage.parting("ana").await, DisconnectReason::TransportClose);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_other_namespace() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::open(stage.address).await;
    for connect in ["40/admin,", "40/admin", r#"40/admin,{"token":"x"}"#] {
        ana.text(connect).await;
        assert_eq!(
            ana.next_message().await,
            r#"44/admin,{"message":"Invalid namespace"}"#
        );
    }
    // The session is as good as before, and so it is once connected.
    ana.connect("ana").await;
    ana.text("40/admin,").await;
    assert_eq!(
        ana.next_message().await,
        r#"44/admin,{"message":"Invalid namespace"}"#
    );
    ana.text(r#"42["a"]"#).await;
    assert_eq!(ana.next_message().await, r#"42["a"]"#);
    drop(ana);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_says_goodbye_is_gone() {
    let stage = Stage::open(Config::default()).await;
    let mut ana = WebSocket::connected(stage.address, "ana").await;
    ana.text(r#"42["last words"]"#).await;
    ana.text("41").await;
    assert_eq!(
        stage.parting("ana").await,
        DisconnectReason::ClientDisconnect
    );
    assert!(
        stage
            .app
            .heard
            .lock()
            .unwrap()
            .contains(&"last words".to_owned())
    );
    ana.closed().await;
    let mut bo = WebSocket::connected(stage.address, "bo").await;
    bo.text("1").await;
    assert_eq!(stage.parting("bo").await, DisconnectReason::TransportClose);
    bo.closed().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_malformed_packet_ends_the_session_of_its_sender_alone() {
    let mut stage = Stage::open(Config::default()).await;
    let deep = format!(r#"42["a",{}{}]"#, "[".repeat(200), "]".repeat(200));
    let cases = [
        // Engine.IO
        "",
        "0",
        r#"0{"sid":"x"}"#,
        "1x",
        "2",
        "2probe",
        "5",
        "6x",
        "7",
        "bAQID",
        "hello",
        // Socket.IO
        "4",
        "47",
        "4x",
        r#"44{"message":"x"}"#,
        "40",
        "40{}",
        "40[]",
        "401{}",
        "41{}",
        "42",
        "42[]",
        "42{}",
        r#"42"a""#,
        "42[1]",
        "42[null]",
        "42[[]]",
        r#"42["a""#,
        r#"42["a"]]"#,
        r#"42["a",]"#,
        "42['a']",
        r#"42["connect"]"#,
        r#"42["connect_error"]"#,
        r#"42["disconnect"]"#,
        r#"42["disconnecting"]"#,
        r#"42["newListener"]"#,
        r#"42["removeListener"]"#,
        r#"429007199254740992["a"]"#,
        r#"42-1["a"]"#,
        r#"42/admin,["a"]"#,
        "41/admin,",
        "43[]",
        "431",
        "431{}",
        r#"45["a"]"#,
        r#"45-["a"]"#,
        r#"451-["a"]"#,
        r#"4511-["a"]"#,
        r#"451-["a",{"_placeholder":true,"num":1}]"#,
        r#"451-["a",{"_placeholder":true,"num":"0"}]"#,
        &deep,
    ];
    for (index, packet) in cases.into_iter().enumerate() {
        let name = format!("{index}");
        let mut guest = WebSocket::connected(stage.address, &name).await;
        guest.text(packet).await;
        assert_eq!(guest.closed().await, Some(1002), "{packet}");
        assert_eq!(
            stage.parting(&name).await,
            DisconnectReason::ParseError,
            "{packet}"
        );
        stage.goes_on().await;
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_connecting_comes_before_being_connected() {
    let mut stage = Stage::open(Config::default()).await;
    let cases = [
        r#"42["a"]"#,
        "431[]",
        r#"451-["a",{"_placeholder":true,"num":0}]"#,
        "42/admin,[\"a\"]",
    ];
    for packet in cases {
        let mut guest = WebSocket::open(stage.address).await;
        guest.text(packet).await;
        if packet.starts_with("45") {
            guest.frame(crate::websocket::BINARY, b"x").await;
        }
        assert_eq!(guest.closed().await, Some(1002), "{packet}");
        stage.goes_on().await;
    }
    stage.close().await;
}
