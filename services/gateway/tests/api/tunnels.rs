//! WebSocket through the gateway: how a tunnel begins, and what it carries.

use std::time::Duration;

use testkit::eventually;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
    time::timeout,
};

use crate::support::{Auth, Gateway, Raw, Realtime, SOON, Service, Socket, Stack, upgrade};

const TARGET: &str = "/socket.io/?EIO=4&transport=websocket";
const MEGABYTE: usize = 1024 * 1024;

/// Bytes that show what is missing or out of order.
fn pattern(length: usize, seed: u64) -> Vec<u8> {
    (0..length as u64 / 8)
        .flat_map(|word| (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed).to_le_bytes())
        .collect()
}

async fn assert_receives(socket: &mut Socket, expected: &[u8]) {
    let mut seen = vec![0; expected.len()];
    timeout(3 * SOON, socket.read_exact(&mut seen))
        .await
        .expect("all of it in time")
        .unwrap();
    assert!(seen == expected, "what arrived is not what was sent");
}

#[tokio::test]
async fn a_handshake_and_its_answer_pass() {
    let (realtime, stack) = Stack::before_realtime(&[]).await;
    let mut raw = stack.raw().await;
    raw.write(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: anufy.example\r\n\
         Connection: keep-alive, Upgrade, X-Hop\r\nUpgrade: WebSocket\r\nX-Hop: 1\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\nAuthorization: Bearer opaque\r\n\
         X-Forwarded-For: 9.9.9.9\r\n\r\n",
    )
    .await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 101);
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ] {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
    assert!(answer.header("x-request-id").is_some());
    for gone in ["server", "x-anufy-internal", "content-length"] {
        assert_eq!(answer.header(gone), None, "{answer:?}");
    }

    let arrived = realtime.arrival().await.head;
    assert_eq!(arrived.target(), TARGET);
    for (name, value) in [
        ("host", "anufy.example"),
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("authorization", "Bearer opaque"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-anufy-service-credential", crate::support::CREDENTIAL),
    ] {
        assert_eq!(arrived.header(name), Some(value), "{name}");
    }
    assert_eq!(arrived.header("x-hop"), None);
}

#[tokio::test]
async fn what_is_sent_with_the_handshake_arrives() {
    let (realtime, stack) = Stack::before_realtime(&[]).await;
    let mut raw = stack.raw().await;
    raw.write(format!(
        "{}GET / HTTP/1.1\r\n\r\n",
        upgrade("/socket.io?behave=greet")
    ))
    .await;
    assert_eq!(raw.answer().await.status, 101);
    let (mut client, mut service) = (raw.into_socket(), realtime.arrival().await.socket);
    assert_receives(&mut service, b"GET / HTTP/1.1\r\n\r\n").await;
    assert_receives(&mut client, b"hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn megabytes_arrive_whole_and_in_order_both_ways() {
    let (realtime, stack) = Stack::before_realtime(&[]).await;
    let (client, service) = realtime.tunnel(&stack.gateway).await;
    let exchange = |socket: Socket, sent: Vec<u8>, expected: Vec<u8>| async move {
        let (read, mut write) = socket.into_inner().into_split();
        let writing = async {
            // Pieces of all sizes, so that nothing lines up.
            let mut rest = &sent[..];
            for size in (1..).map(|turn| turn * 7919 % 100_000 + 1) {
                let (piece, after) = rest.split_at(rest.len().min(size));
                write.write_all(piece).await.unwrap();
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
        };
        let reading = async {
            let mut read = read;
            let mut seen = vec![0; expected.len()];
            read.read_exact(&mut seen).await.unwrap();
            assert!(seen == expected, "what arrived is not what was sent");
        };
        tokio::join!(writing, reading);
    };
    let (up, down) = (pattern(16 * MEGABYTE, 1), pattern(16 * MEGABYTE, 2));
    let both = async {
        tokio::join!(
            exchange(client, up.clone(), down.clone()),
            exchange(service, down.clone(), up.clone())
        )
    };
    timeout(6 * SOON, both).await.expect("all of it in time");
}

/// More than the kernel keeps for four sockets.
const FLOOD: usize = 96 * MEGABYTE;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_slows_the_writer_down_and_misses_nothing() {
    let (realtime, stack) = Stack::before_realtime(&[]).await;
    let (mut client, service) = realtime.tunnel(&stack.gateway).await;
    let flood = pattern(FLOOD, 3);
    let service = service.into_inner();
    let mut sent = 0;
    // Until nothing has been taken for a while.
    while let Ok(writable) = timeout(Duration::from_secs(1), service.writable()).await {
        writable.unwrap();
        sent += service.try_write(&flood[sent..]).unwrap_or_default();
    }
    assert!(sent < FLOOD / 2, "{sent} bytes are on their way to nobody");

    assert_receives(&mut client, &flood[..sent]).await;
    service.writable().await.unwrap();
    assert!(service.try_write(b"on").unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_one_way_does_not_hold_up_the_other() {
    let (realtime, stack) = Stack::before_realtime(&[]).await;
    let (client, service) = realtime.tunnel(&stack.gateway).await;
    let (mut flood, mut heard) = (service.into_inner(), [0; 5]);
    let (mut received, mut sender) = client.into_inner().into_split();
    let (mut from_client, mut to_client) = flood.split();
    let flooding = async {
        let bytes = vec![b'x'; MEGABYTE];
        while to_client.write_all(&bytes).await.is_ok() {}
    };
    let draining = tokio::spawn(async move {
        let mut sink = vec![0; MEGABYTE];
        while let Ok(1..) = received.read(&mut sink).await {}
    });
    let talking = async {
        for _ in 0..50 {
            sender.write_all(b"hello").await.unwrap();
            from_client.read_exact(&mut heard).await.unwrap();
        }
    };
    tokio::select! {
        () = flooding => panic!("the flood ended"),
        talked = timeout(SOON, talking) => talked.expect("a word in time"),
    }
    draining.abort();
}

#[tokio::test]
async fn a_refusal_is_an_ordinary_answer() {
    let (_realtime, stack) = Stack::before_realtime(&[]).await;
    let mut raw = stack.raw().await;
    for (behaviour, status, body) in [("refuse", 503, "not now"), ("refuse-chunked", 400, "not")] {
        raw.write(upgrade(&format!("/socket.io/?behave={behaviour}")))
            .await;
        let answer = raw.answer().await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
        assert_eq!(answer.header("x-anufy-internal"), None);
        assert!(answer.header("x-frame-options").is_some());
    }
    // The same connection is still one for requests.
    raw.write("GET /socket.io/ HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    raw.answer().await.replica();
}

#[tokio::test]
async fn a_service_that_changes_to_something_else_is_not_believed() {
    let (_realtime, stack) = Stack::before_realtime(&[]).await;
    let answer = stack.ask(upgrade("/socket.io/?behave=other")).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (502, "bad_gateway")
    );
}

#[tokio::test]
async fn without_a_service_there_is_no_tunnel() {
    let (realtime, stack) = Stack::before_realtime(&[]).await;
    realtime.crash().await;
    let answer = stack.ask(upgrade(TARGET)).await;
    assert_eq!(answer.code(), "upstream_unavailable");
}

#[tokio::test]
async fn other_protocols_and_paths_are_not_tunnelled() {
    let (_realtime, stack) = Stack::before_realtime(&[]).await;
    let h2c = upgrade(TARGET).replace("websocket", "h2c");
    stack.ask(h2c).await.replica();
    let post = upgrade(TARGET).replace("GET", "POST");
    stack.ask(post).await.replica();
    for target in ["/.well-known/jwks.json", "/socket.io/admin", "/socket.iox"] {
        assert_ne!(stack.ask(upgrade(target)).await.status, 101, "{target}");
    }
    let echo = stack.ask(upgrade("/.well-known/jwks.json")).await.json();
    for name in ["upgrade", "connection"] {
        assert_eq!(crate::support::echoed(&echo, name), None);
    }
}

#[tokio::test]
async fn a_handshake_that_could_be_read_in_two_ways_is_refused() {
    let (_realtime, stack) = Stack::before_realtime(&[]).await;
    let whole = upgrade(TARGET);
    for (part, instead) in [
        (
            "Upgrade: websocket",
            "Upgrade: websocket\r\nUpgrade: websocket",
        ),
        ("Upgrade: websocket", "Upgrade: websocket, h2c"),
        ("Connection: Upgrade", "Connection: keep-alive"),
        ("Connection: Upgrade\r\n", ""),
        ("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 8"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("Host: a", "Host: a\r\nContent-Length: 2"),
        ("Host: a", "Host: a\r\nTransfer-Encoding: chunked"),
        ("HTTP/1.1", "HTTP/1.0"),
    ] {
        let mut raw = stack.raw().await;
        raw.write(whole.replacen(part, instead, 1)).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 400, "{instead}");
        assert_eq!(answer.code(), "bad_request", "{instead}");
    }
    assert_eq!(stack.ask(&whole).await.status, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_handshakes_at_once_lose_none() {
    let (realtime, stack) = Stack::before_realtime(&[("--max-tunnels-per-client", "1000")]).await;
    let mut clients = JoinSet::new();
    let http = stack.gateway.http;
    for number in 0..1000_u32 {
        clients.spawn(async move {
            let mut raw = Raw::connect(http).await;
            // What a client sends as it hears of the change must not be taken for a request,
            // nor what it sends before.
            raw.write(upgrade(TARGET)).await;
            if number % 2 == 0 {
                raw.write(number.to_be_bytes()).await;
            }
            assert_eq!(raw.answer().await.status, 101);
            let mut socket = raw.into_socket();
            if number % 2 == 1 {
                socket.write_all(&number.to_be_bytes()).await.unwrap();
            }
            assert_receives(&mut socket, &number.to_be_bytes()).await;
            socket
        });
    }
    let mut echoes = JoinSet::new();
    for _ in 0..1000 {
        let mut socket = realtime.arrival().await.socket;
        echoes.spawn(async move {
            let number = socket.read_u32().await.unwrap();
            socket.write_u32(number).await.unwrap();
            socket
        });
    }
    let services = echoes.join_all().await;
    let clients = clients.join_all().await;
    assert_eq!((clients.len(), services.len()), (1000, 1000));
}

#[tokio::test]
async fn a_poll_passes_with_its_query_and_a_large_body() {
    let (_realtime, stack) = Stack::before_realtime(&[]).await;
    let mut raw = stack.raw().await;
    let body = "x".repeat(1_000_000);
    raw.write(format!(
        "POST /socket.io/?EIO=4&transport=polling&t=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{body}"
    ))
    .await;
    let answer = raw.answer().await;
    answer.replica();
    let told = answer.json();
    assert_eq!(told["target"], "/socket.io/?EIO=4&transport=polling&t=1");
    assert_eq!(told["body_length"], 1_000_000);
}

#[tokio::test]
async fn a_tunnel_has_a_log_line_at_its_end_without_its_token() {
    let (realtime, stack) = Stack::before_realtime(&[]).await;
    let request_id = crate::support::request_id();
    let mut raw = stack.raw().await;
    let target = format!("{TARGET}&token=secret-of-{request_id}");
    let header = format!("Host: a\r\nX-Request-Id: {request_id}");
    raw.write(upgrade(&target).replacen("Host: a", &header, 1))
        .await;
    assert_eq!(raw.answer().await.status, 101);
    let (mut client, mut service) = (raw.into_socket(), realtime.arrival().await.socket);
    client.write_all(b"12345").await.unwrap();
    assert_receives(&mut service, b"12345").await;
    service.write_all(b"123").await.unwrap();
    assert_receives(&mut client, b"123").await;
    let instruments = crate::support::instruments();
    assert!(instruments.lines_with(&request_id).is_empty());

    drop(client);
    assert_eq!(service.read(&mut [0]).await.unwrap(), 0);
    drop(service);
    eventually(SOON, async || {
        !instruments.lines_with(&request_id).is_empty()
    })
    .await;
    let lines = instruments.lines_with(&request_id);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for (field, value) in [
        ("message", "tunnel".into()),
        ("path", "/socket.io/".into()),
        ("route", "/socket.io".into()),
        ("upstream", "realtime".into()),
        ("ended_by", "client".into()),
        ("client.address", "127.0.0.1".into()),
        ("status", serde_json::json!(101)),
        ("received", serde_json::json!(5)),
        ("sent", serde_json::json!(3)),
    ] {
        assert_eq!(lines[0][field], value, "{field}: {}", lines[0]);
    }
    assert!(instruments.lines_with("secret-of-").is_empty());
}

#[tokio::test]
async fn open_tunnels_are_counted() {
    let (realtime, stack) = Stack::before_realtime(&[]).await;
    let open = async || {
        let metrics = stack.gateway.metrics().await;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("gateway_tunnels "));
        line.map_or(0.0, |count| count.parse::<f64>().unwrap())
    };
    let (client, service) = realtime.tunnel(&stack.gateway).await;
    assert!(open().await >= 1.0);
    drop((client, service));
    eventually(SOON, async || open().await == 0.0).await;
}

#[tokio::test]
async fn without_redis_tunnels_open_all_the_same() {
    let (service, auth, realtime) = (
        Service::start().await,
        Auth::start().await,
        Realtime::start().await,
    );
    let url = realtime.url();
    let flags = [
        ("--redis-url", "redis://127.0.0.1:1"),
        ("--realtime-url", url.as_str()),
    ];
    let gateway = Gateway::start(&service, &auth, &flags).await;
    let (mut client, mut service) = realtime.tunnel(&gateway).await;
    service.write_all(b"up").await.unwrap();
    assert_receives(&mut client, b"up").await;
}
