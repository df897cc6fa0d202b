use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bus::{BusError, JobPublisher, Publisher};
use contracts::topology::{LIKES, PARTITIONS};
use futures_util::{FutureExt, future::join_all};
use lapin::options::QueueDeleteOptions;
use runtime::Shutdown;
use testkit::{Sandbox, eventually};
use tokio::time::{Instant, timeout};

use crate::{SOON, channel, drain, job, jobs, numbers, settings};

const KEY: &[u8] = b"a viral post";
/// Jobs of a partition that may wait, and those of the message that is on its way.
const MOST: usize = 4096 + 256;

/// A publisher whose connection is there, and the end of its service.
async fn publisher(sandbox: &Sandbox) -> (JobPublisher, Shutdown) {
    let (publisher, shutdown) = (
        Publisher::new(&settings(sandbox).await, "test"),
        Shutdown::new(),
    );
    publisher.ping().await.unwrap();
    (JobPublisher::new(&publisher, LIKES, &shutdown), shutdown)
}

fn partition() -> &'static str {
    LIKES.partition_of(KEY)
}

#[tokio::test]
async fn jobs_that_come_together_travel_together() {
    let sandbox = Sandbox::create().await;
    let (publisher, _) = publisher(&sandbox).await;
    let caller = async |caller: i64| {
        for n in 0..16 {
            let job = job(100 * caller + n);
            publisher.publish(KEY, job).await.unwrap();
        }
    };
    join_all((0..64).map(caller)).await;

    let messages = drain(&sandbox, partition()).await;
    let numbers = numbers(&messages);
    assert_eq!(numbers.len(), 64 * 16);
    assert!(
        messages.len() * 8 < numbers.len(),
        "{} messages",
        messages.len()
    );
    for caller in 0..64 {
        let own = |number: &&i64| **number / 100 == caller;
        let own: Vec<i64> = numbers.iter().filter(own).copied().collect();
        assert!(own.is_sorted(), "{own:?}");
    }
}

#[tokio::test]
async fn a_job_alone_is_a_message_and_lies_in_the_partition_of_its_key() {
    let sandbox = Sandbox::create().await;
    let (publisher, _) = publisher(&sandbox).await;
    for number in 0..40_i64 {
        let key = number.to_be_bytes();
        publisher.publish(&key, job(number)).await.unwrap();
        let messages = drain(&sandbox, LIKES.partition_of(&key)).await;
        assert_eq!(numbers(&messages), [number]);
    }
}

#[tokio::test]
async fn a_message_is_bounded_in_jobs_and_bytes() {
    let sandbox = Sandbox::create().await;
    let (publisher, _) = publisher(&sandbox).await;
    let small = join_all((0..600).map(|n| publisher.publish(KEY, job(n)))).await;
    assert!(small.iter().all(Result::is_ok));
    let long = |n| {
        let mut job = job(n);
        job.trace.insert("tracestate".to_owned(), "x".repeat(5_000));
        job
    };
    let large = join_all((600..700).map(|n| publisher.publish(KEY, long(n)))).await;
    assert!(large.iter().all(Result::is_ok));
    let mut alone = job(700);
    let state = "x".repeat(100_000);
    alone.trace.insert("tracestate".to_owned(), state);
    publisher.publish(KEY, alone).await.unwrap();

    let messages = drain(&sandbox, partition()).await;
    assert_eq!(numbers(&messages), (0..=700).collect::<Vec<i64>>());
    for message in &messages {
        let count = jobs(message).len();
        assert!(count <= 256, "{count} jobs");
        assert!(message.data.len() <= 65 * 1024 || count == 1);
    }
}

#[tokio::test]
async fn whatever_happens_to_the_broker_every_caller_has_an_answer_and_ok_is_true() {
    let sandbox = Sandbox::with_outages().await;
    let (publisher, _) = publisher(&sandbox).await;
    let (confirmed, count) = (Mutex::new(HashSet::new()), AtomicU32::new(0));
    let caller = async |_| {
        loop {
            let job = job(1);
            let id = job.id.clone();
            if publisher.publish(KEY, job).await.is_err() {
                return;
            }
            confirmed.lock().unwrap().insert(id);
            // In the middle of everything, after each caller had some turns.
            if count.fetch_add(1, Ordering::SeqCst) == 64 * 4 {
                sandbox.amqp_proxy().cut();
            }
        }
    };
    let callers = join_all((0..64).map(caller));
    timeout(SOON, callers).await.expect("an answer for each");
    sandbox.amqp_proxy().restore();
    eventually(SOON, async || publisher.publish(KEY, job(2)).await.is_ok()).await;

    let messages = drain(&sandbox, partition()).await;
    let stored: HashSet<String> = messages.iter().flat_map(jobs).map(|job| job.id).collect();
    let confirmed = confirmed.into_inner().unwrap();
    assert!(confirmed.len() > 64 * 4);
    let lost: Vec<_> = confirmed.difference(&stored).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_an_error_in_time_for_everybody() {
    let sandbox = Sandbox::with_outages().await;
    let (publisher, _) = publisher(&sandbox).await;
    for attempt in ["on a connection", "without one"] {
        sandbox.amqp_proxy().hang();
        let began = Instant::now();
        let publish = async |n: i64| publisher.publish(&n.to_be_bytes(), job(n)).await;
        let outcomes = join_all((0..500).map(publish)).await;
        assert!(outcomes.iter().all(Result::is_err), "{attempt}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(8), "{attempt}: {took:?}");
    }
    sandbox.amqp_proxy().restore();
    eventually(SOON, async || publisher.publish(KEY, job(1)).await.is_ok()).await;
}

#[tokio::test]
async fn the_job_of_a_caller_that_is_gone_is_not_published() {
    let sandbox = Sandbox::with_outages().await;
    let (publisher, _) = publisher(&sandbox).await;
    sandbox.amqp_proxy().hang();
    // On its way, waiting, and waiting in vain.
    let (first, last) = (
        publisher.publish(KEY, job(1)),
        publisher.publish(KEY, job(3)),
    );
    let (mut first, mut last) = (Box::pin(first), Box::pin(last));
    let on_the_way = timeout(Duration::from_millis(300), &mut first).await;
    assert!(on_the_way.is_err(), "a hanging broker has confirmed");
    let gone = publisher.publish(KEY, job(2)).now_or_never();
    assert!(gone.is_none());
    assert!((&mut last).now_or_never().is_none());
    sandbox.amqp_proxy().restore();
    first.await.unwrap();
    last.await.unwrap();
    let messages = drain(&sandbox, partition()).await;
    assert_eq!(numbers(&messages), [1, 3]);
}

#[tokio::test]
async fn a_full_buffer_refuses_at_once_and_only_what_is_too_much() {
    let sandbox = Sandbox::with_outages().await;
    let (publisher, _) = publisher(&sandbox).await;
    sandbox.amqp_proxy().hang();
    let publishing = (0..MOST + 50).map(|_| {
        let publish = publisher.publish(KEY, job(1));
        timeout(Duration::from_secs(1), publish)
    });
    let outcomes = join_all(publishing).await;
    let refused = outcomes.iter().filter(|it| it.is_ok());
    let refused: Vec<_> = refused.collect();
    assert!(refused.len() >= 50, "{}", refused.len());
    assert!(refused.len() <= 50 + 256, "{}", refused.len());
    for outcome in refused {
        assert!(matches!(outcome, Ok(Err(BusError::Overloaded))));
    }
    // Other partitions have room.
    let other = (0..PARTITIONS as u64).map(u64::to_be_bytes);
    let other = other
        .into_iter()
        .find(|it| LIKES.partition_of(it) != partition());
    let key = other.unwrap();
    let other = publisher.publish(&key, job(2));
    let other = timeout(Duration::from_millis(100), other).await;
    assert!(other.is_err(), "{other:?}");
}

#[tokio::test]
async fn a_partition_that_is_not_declared_is_an_error() {
    let sandbox = Sandbox::create().await;
    let (publisher, _) = publisher(&sandbox).await;
    let (_connection, channel) = channel(&sandbox).await;
    channel
        .queue_delete(partition().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    let outcome = publisher.publish(KEY, job(1)).await;
    assert!(matches!(outcome, Err(BusError::Unroutable)), "{outcome:?}");
}

#[tokio::test]
async fn a_drain_waits_until_nobody_waits_for_a_confirm() {
    let sandbox = Sandbox::with_outages().await;
    let (publisher, shutdown) = publisher(&sandbox).await;
    sandbox.amqp_proxy().hang();
    let publisher = Arc::new(publisher);
    let callers: Vec<_> = (0..10)
        .map(|n| {
            let publisher = Arc::clone(&publisher);
            tokio::spawn(async move { publisher.publish(KEY, job(n)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    shutdown.begin_drain();
    let finished = timeout(Duration::from_millis(200), shutdown.finished()).await;
    assert!(finished.is_err(), "the drain is over before the confirms");
    sandbox.amqp_proxy().restore();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    shutdown.finished().await;
    assert_eq!(numbers(&drain(&sandbox, partition()).await).len(), 10);
}
