//! How a tunnel ends, and what each side hears of it.

use std::time::{Duration, Instant};

use testkit::eventually;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::support::{SOON, Socket, Stack};

/// What still comes until the end, in order or not.
async fn rest(socket: &mut Socket) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = timeout(SOON, socket.read_to_end(&mut rest))
        .await
        .expect("an end in time");
    rest
}

#[tokio::test]
async fn half_a_close_is_passed_on_after_the_last_byte() {
    let (realtime, stack) = Stack::before_realtime(&[]).await;
    for is_client_first in [true, false] {
        let (client, service) = realtime.tunnel(&stack.gateway).await;
        let (mut first, mut second) = if is_client_first {
            (client, service)
        } else {
            (service, client)
        };
        first.write_all(b"last words").await.unwrap();
        first.shutdown().await.unwrap();
        assert_eq!(rest(&mut second).await, b"last words");
        second.write_all(b"farewell").await.unwrap();
        second.shutdown().await.unwrap();
        assert_eq!(rest(&mut first).await, b"farewell");
    }
}

#[tokio::test]
async fn who_has_been_silent_has_time_to_answer_half_a_close() {
    let flags = [("--tunnel-idle-timeout", "1s")];
    let (realtime, stack) = Stack::before_realtime(&flags).await;
    let (mut client, mut service) = realtime.tunnel(&stack.gateway).await;
    let silence = async || {
        let since = Instant::now();
        eventually(SOON, async || since.elapsed() > Duration::from_millis(700)).await;
    };
    silence().await;
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut service).await, b"");
    silence().await;
    service.write_all(b"farewell").await.unwrap();
    drop(service);
    assert_eq!(rest(&mut client).await, b"farewell");
}

#[tokio::test]
async fn either_side_hears_that_the_other_is_gone() {
    let (realtime, stack) = Stack::before_realtime(&[]).await;
    let (client, mut service) = realtime.tunnel(&stack.gateway).await;
    drop(client);
    assert_eq!(rest(&mut service).await, b"");

    let (mut client, mut service) = realtime.tunnel(&stack.gateway).await;
    // Unread bytes make the kernel reset the connection, as when a process is killed.
    client.write_all(b"unread").await.unwrap();
    service.write_all(b"x").await.unwrap();
    client.read_u8().await.unwrap();
    drop(service);
    assert_eq!(rest(&mut client).await, b"");
}

#[tokio::test]
async fn a_silent_tunnel_is_closed_and_one_with_heartbeats_is_not() {
    let (realtime, stack) = Stack::before_realtime(&[("--tunnel-idle-timeout", "600ms")]).await;
    let (mut silent, _silent_service) = realtime.tunnel(&stack.gateway).await;
    let (mut client, mut service) = realtime.tunnel(&stack.gateway).await;
    let opened = Instant::now();
    let mut beats = tokio::time::interval(Duration::from_millis(100));
    while opened.elapsed() < Duration::from_secs(2) {
        beats.tick().await;
        // From one side is enough.
        service.write_all(b"2").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'2');
    }
    assert_eq!(rest(&mut silent).await, b"");
    let since = Instant::now();
    assert_eq!(rest(&mut client).await, b"");
    assert!(
        since.elapsed() > Duration::from_millis(400),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn who_takes_nothing_is_cut_off() {
    let (realtime, stack) = Stack::before_realtime(&[("--write-timeout", "500ms")]).await;
    let (_client, service) = realtime.tunnel(&stack.gateway).await;
    let service = service.into_inner();
    let flood = vec![b'x'; 1024 * 1024];
    let cut_off = async {
        loop {
            if service.writable().await.is_err() {
                return;
            }
            match service.try_write(&flood) {
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    };
    timeout(SOON, cut_off).await.expect("an end in time");
}

#[tokio::test]
async fn when_the_gateway_drains_tunnels_end_one_after_the_other() {
    let (realtime, stack) = Stack::before_realtime(&[("--drain-grace", "4s")]).await;
    let mut ends = Vec::new();
    for _ in 0..50 {
        ends.push(realtime.tunnel(&stack.gateway).await);
    }
    let drained = Instant::now();
    stack.gateway.shutdown.begin_drain();
    let mut ended: Vec<Duration> = Vec::new();
    let mut closing = tokio::task::JoinSet::new();
    for (mut client, mut service) in ends {
        closing.spawn(async move {
            assert_eq!(rest(&mut client).await, b"");
            assert_eq!(rest(&mut service).await, b"");
            drained.elapsed()
        });
    }
    while let Some(after) = closing.join_next().await {
        ended.push(after.unwrap());
    }
    ended.sort_unstable();
    let (first, last) = (ended[0], ended[49]);
    assert!(last > first + Duration::from_millis(800), "{ended:?}");
    assert!(last < Duration::from_millis(3500), "{ended:?}");
    stack.gateway.ended().await.unwrap();
}

#[tokio::test]
async fn a_poll_that_waits_does_not_hold_up_the_drain() {
    let (_realtime, stack) = Stack::before_realtime(&[("--drain-grace", "2s")]).await;
    let mut raw = stack.raw().await;
    raw.write("GET /socket.io/?behave=wait HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    eventually(SOON, async || {
        let metrics = stack.gateway.metrics().await;
        metrics.contains("\ngateway_requests_in_flight 1")
    })
    .await;
    stack.gateway.shutdown.begin_drain();
    let answer = raw.answer().await;
    assert_eq!(answer.code(), "upstream_unavailable");
    assert!(answer.says_close());
    drop(raw);
    stack.gateway.ended().await.unwrap();
}

#[tokio::test]
async fn a_tunnel_under_way_does_not_hold_up_the_drain() {
    let (realtime, stack) = Stack::before_realtime(&[("--drain-grace", "2s")]).await;
    let (mut client, service) = realtime.tunnel(&stack.gateway).await;
    let (mut read, mut write) = service.into_inner().into_split();
    let chatter = tokio::spawn(async move { while write.write_all(&[b'x'; 512]).await.is_ok() {} });
    client.read_u8().await.unwrap();
    stack.gateway.shutdown.begin_drain();
    let mut seen = vec![0; 64 * 1024];
    eventually(SOON, async || {
        !matches!(client.read(&mut seen).await, Ok(1..))
    })
    .await;
    stack.gateway.ended().await.unwrap();
    assert!(!matches!(read.read(&mut seen).await, Ok(1..)));
    chatter.await.unwrap();
}
