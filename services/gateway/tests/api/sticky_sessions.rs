//! Requests of an Engine.IO session go to the replica that has it.

use std::collections::HashSet;

use testkit::eventually;

use crate::support::{Answer, Auth, Gateway, Raw, Realtime, Redis, SOON, Service, Stack, upgrade};

async fn two_replicas() -> (Realtime, Realtime, Stack) {
    let (one, two) = (Realtime::start().await, Realtime::start().await);
    let urls = format!("{},{}", one.url(), two.url());
    let stack = Stack::with(&[("--realtime-url", &urls)]).await;
    (one, two, stack)
}

async fn poll(gateway: &Gateway, parameters: &str) -> Answer {
    let mut raw = Raw::connect(gateway.http).await;
    raw.write(format!(
        "GET /socket.io/?EIO=4&transport=polling{parameters} HTTP/1.1\r\nHost: a\r\n\r\n"
    ))
    .await;
    raw.answer().await
}

/// The tag of `replica`, as it was told.
async fn tag_of(replica: &Realtime, gateway: &Gateway) -> String {
    loop {
        let (port, tag) = poll(gateway, "").await.replica();
        if port == u64::from(replica.address.port()) {
            return tag;
        }
    }
}

#[tokio::test]
async fn handshakes_are_spread_and_sessions_stay() {
    let (one, two, stack) = two_replicas().await;
    for replica in [&one, &two] {
        let tag = tag_of(replica, &stack.gateway).await;
        assert!(
            (1..=16).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        );
        let port = u64::from(replica.address.port());
        for _ in 0..10 {
            let answer = poll(&stack.gateway, &format!("&sid={tag}.Ab-_9")).await;
            assert_eq!(answer.replica().0, port);
            let mut raw = stack.raw().await;
            raw.write(format!(
                "POST /socket.io/?EIO=4&transport=polling&sid={tag}.Ab-_9 HTTP/1.1\r\nHost: a\r\n\
                 Content-Length: 2\r\n\r\n40"
            ))
            .await;
            assert_eq!(raw.answer().await.replica().0, port);
            let mut raw = stack.raw().await;
            raw.write(upgrade(&format!("/socket.io/?sid={tag}.Ab-_9")))
                .await;
            assert_eq!(raw.answer().await.status, 101);
            let arrived = replica.arrival().await;
            assert_eq!(arrived.head.header("x-anufy-replica"), Some(tag.as_str()));
        }
    }
}

#[tokio::test]
async fn every_gateway_finds_the_same_replica() {
    let (one, two) = (Realtime::start().await, Realtime::start().await);
    let (service, auth, redis) = (
        Service::start().await,
        Auth::start().await,
        Redis::open().await,
    );
    redis.set_loaded().await;
    let urls = [
        format!("{},{}", one.url(), two.url()),
        format!("{},{}", two.url(), one.url()),
    ];
    let flags = |urls| {
        [
            ("--redis-url", redis.url.as_str()),
            ("--realtime-url", urls),
        ]
    };
    let here = Gateway::start(&service, &auth, &flags(&urls[0])).await;
    let there = Gateway::start(&service, &auth, &flags(&urls[1])).await;
    for _ in 0..10 {
        let (port, tag) = poll(&here, "").await.replica();
        let elsewhere = poll(&there, &format!("&sid={tag}.x")).await.replica();
        assert_eq!(elsewhere, (port, tag));
    }
}

#[tokio::test]
async fn a_replica_that_drains_keeps_its_sessions_and_gets_no_others() {
    let (leaving, staying, stack) = two_replicas().await;
    let tag = tag_of(&leaving, &stack.gateway).await;
    leaving.set_ready(false);
    let ports = |replica: &Realtime| u64::from(replica.address.port());
    eventually(SOON, async || {
        let mut seen = HashSet::new();
        for _ in 0..8 {
            seen.insert(poll(&stack.gateway, "").await.replica().0);
        }
        seen == HashSet::from([ports(&staying)])
    })
    .await;
    for _ in 0..8 {
        let answer = poll(&stack.gateway, &format!("&sid={tag}.x")).await;
        assert_eq!(answer.replica().0, ports(&leaving));
    }
}

#[tokio::test]
async fn the_session_of_a_replica_that_is_gone_is_asked_of_another() {
    let (gone, staying, stack) = two_replicas().await;
    let tag = tag_of(&gone, &stack.gateway).await;
    gone.crash().await;
    let port = u64::from(staying.address.port());
    for sid in [format!("{tag}.x"), "12345.x".to_owned()] {
        for _ in 0..4 {
            let answer = poll(&stack.gateway, &format!("&sid={sid}")).await;
            assert_eq!(answer.replica().0, port, "{sid}");
        }
    }
}

#[tokio::test]
async fn a_client_does_not_name_the_replica() {
    let (_one, _two, stack) = two_replicas().await;
    let mut raw = stack.raw().await;
    raw.write("GET /socket.io/ HTTP/1.1\r\nHost: a\r\nX-Anufy-Replica: mine\r\n\r\n")
        .await;
    assert_ne!(raw.answer().await.replica().1, "mine");
}

#[tokio::test]
async fn other_services_are_not_told_of_replicas() {
    let stack = Stack::start().await;
    let answer = stack.stranger().post_empty("/api/auth/register").await;
    let echo = answer.expect(200);
    assert_eq!(crate::support::echoed(&echo, "x-anufy-replica"), None);
}
