//! How many sockets a client may have, and how often it may come.

use testkit::eventually;

use crate::support::{Answer, Raw, SOON, Stack, upgrade};

const PRODUCTION: (&str, &str) = ("--rate-limit-policy", "production");
const BEHIND_PROXY: (&str, &str) = ("--trusted-proxies", "127.0.0.0/8");

async fn open(stack: &Stack, client: &str, target: &str) -> (Raw, Answer) {
    let mut raw = stack.raw().await;
    let header = format!("Host: a\r\nX-Forwarded-For: {client}");
    raw.write(upgrade(target).replacen("Host: a", &header, 1))
        .await;
    let answer = raw.answer().await;
    (raw, answer)
}

#[tokio::test]
async fn a_client_has_so_many_sockets_and_no_more() {
    let flags = [BEHIND_PROXY, ("--max-tunnels-per-client", "2")];
    let (realtime, stack) = Stack::before_realtime(&flags).await;
    let (first, one) = open(&stack, "2001:db8:1:200::1", "/socket.io/").await;
    let (_second, two) = open(&stack, "2001:db8:1:2ff::2", "/socket.io/").await;
    assert_eq!((one.status, two.status), (101, 101));

    let (mut third, refused) = open(&stack, "2001:db8:1:201::3", "/socket.io/").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.code(), "too_many_sockets");
    assert_eq!(refused.header("retry-after"), Some("30"));
    // It may poll meanwhile.
    third
        .write("GET /socket.io/ HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 2001:db8:1:201::3\r\n\r\n")
        .await;
    third.answer().await.replica();
    let (_other, other) = open(&stack, "2001:db8:1:300::1", "/socket.io/").await;
    assert_eq!(other.status, 101);

    drop((first, realtime.arrival().await));
    eventually(SOON, async || {
        open(&stack, "2001:db8:1:201::3", "/socket.io/")
            .await
            .1
            .status
            == 101
    })
    .await;
}

#[tokio::test]
async fn a_refused_socket_takes_no_place() {
    let (_realtime, stack) = Stack::before_realtime(&[("--max-tunnels-per-client", "1")]).await;
    for _ in 0..3 {
        let (_, refused) = open(&stack, "", "/socket.io/?behave=refuse").await;
        assert_eq!(refused.status, 503);
    }
    let (_socket, opened) = open(&stack, "", "/socket.io/").await;
    assert_eq!(opened.status, 101);
}

#[tokio::test]
async fn handshakes_and_polls_are_counted_apart_from_the_api() {
    let (_realtime, stack) = Stack::before_realtime(&[PRODUCTION]).await;
    let left = async |request: String| {
        let answer = stack.ask(request).await;
        let number = |name| answer.header(name).unwrap().parse::<u32>().unwrap();
        (number("x-ratelimit-limit"), number("x-ratelimit-remaining"))
    };
    let poll = |query: &str| format!("GET /socket.io/?{query} HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(left(poll("EIO=4")).await, (300, 299));
    assert_eq!(left(upgrade("/socket.io/")).await, (300, 298));
    assert_eq!(left(poll("sid=")).await, (300, 297));
    assert_eq!(left(poll("sid=1.x")).await, (3000, 2999));
    assert_eq!(left(upgrade("/socket.io/?sid=1.x")).await, (3000, 2998));
    let api = "POST /api/auth/register HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(left(api.to_owned()).await, (100, 99));
}

#[tokio::test]
async fn the_handshake_over_the_limit_is_refused_and_sessions_go_on() {
    let (_realtime, stack) = Stack::before_realtime(&[PRODUCTION]).await;
    let mut raw = stack.raw().await;
    for count in 0..=300 {
        raw.write("GET /socket.io/ HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, if count < 300 { 200 } else { 429 });
    }
    let refused = stack.ask(upgrade("/socket.io/")).await;
    assert_eq!(refused.code(), "rate_limited");
    assert!(refused.header("retry-after").is_some());
    raw.write("GET /socket.io/?sid=1.x HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(raw.answer().await.status, 200);
}
