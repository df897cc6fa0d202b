use bus::{AmqpSettings, BusError, DeadLetter, DeadLetters, Message};
use contracts::topology::{DEAD, DEAD_LETTERS, LIKES};
use testkit::{Sandbox, eventually};

use crate::{SOON, drain, job, message, numbers, publish, settings};

const PARTITION: &str = LIKES.partitions[5];

/// Job `number` as it lies with the dead letters.
fn buried(number: i64) -> Message {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let original = message(PARTITION, vec![job(number)]);
    Message {
        id: format!("job-{number}"),
        exchange: DEAD.to_owned(),
        headers: vec![
            header("x-reason", "no such post"),
            header("x-reason-kind", "not_found"),
            header("x-queue", PARTITION),
            header("x-exchange", &original.exchange),
            header("x-key", &original.key),
            header("x-buried-at", "2026-07-01T10:00:00.000Z"),
        ],
        ..original
    }
}

async fn bury(sandbox: &Sandbox, numbers: &[i64]) {
    let letters: Vec<Message> = numbers.iter().map(|number| buried(*number)).collect();
    publish(sandbox, &letters).await;
}

async fn open(sandbox: &Sandbox) -> DeadLetters {
    DeadLetters::open(&settings(sandbox).await).await.unwrap()
}

/// The ids of everything that can be looked at.
async fn ids(letters: &mut DeadLetters) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(letter) = letters.next().await.unwrap() {
        ids.push(letter.id);
    }
    ids
}

async fn find(letters: &mut DeadLetters, id: &str) -> DeadLetter {
    loop {
        let letter = letters.next().await.unwrap().expect("a letter of this id");
        if letter.id == id {
            return letter;
        }
    }
}

#[tokio::test]
async fn a_look_tells_everything_and_changes_nothing() {
    let sandbox = Sandbox::create().await;
    bury(&sandbox, &[1, 2, 3]).await;
    for _ in 0..3 {
        let mut letters = open(&sandbox).await;
        assert_eq!(letters.left(), 3);
        let first = letters.next().await.unwrap().unwrap();
        assert_eq!(first.id, "job-1");
        assert_eq!(first.queue, PARTITION);
        assert_eq!(first.kind, "not_found");
        assert_eq!(first.reason, "no such post");
        assert_eq!(first.buried_at, "2026-07-01T10:00:00.000Z");
        assert_eq!(ids(&mut letters).await, ["job-2", "job-3"]);
        letters.close().await.unwrap();
    }
    assert_eq!(numbers(&drain(&sandbox, DEAD_LETTERS).await), [1, 2, 3]);
}

#[tokio::test]
async fn what_is_retried_lies_where_it_came_from_and_the_others_stay() {
    let sandbox = Sandbox::create().await;
    bury(&sandbox, &[1, 2, 3]).await;
    let mut letters = open(&sandbox).await;
    let letter = find(&mut letters, "job-2").await;
    letters.retry(letter).await.unwrap();
    letters.close().await.unwrap();
    let retried = drain(&sandbox, PARTITION).await;
    assert_eq!(numbers(&retried), [2]);
    let id = retried[0].properties.message_id().clone().unwrap();
    assert_eq!(id.as_str(), "job-2");
    assert_eq!(numbers(&drain(&sandbox, DEAD_LETTERS).await), [1, 3]);
}

#[tokio::test]
async fn what_is_discarded_is_gone() {
    let sandbox = Sandbox::create().await;
    bury(&sandbox, &[1, 2, 3]).await;
    let mut letters = open(&sandbox).await;
    let letter = find(&mut letters, "job-2").await;
    letters.discard(letter).await.unwrap();
    letters.close().await.unwrap();
    assert!(drain(&sandbox, PARTITION).await.is_empty());
    assert_eq!(numbers(&drain(&sandbox, DEAD_LETTERS).await), [1, 3]);
}

#[tokio::test]
async fn what_comes_during_a_look_is_not_part_of_it() {
    let sandbox = Sandbox::create().await;
    bury(&sandbox, &[1, 2]).await;
    let mut letters = open(&sandbox).await;
    let first = letters.next().await.unwrap().unwrap();
    letters.retry(first).await.unwrap();
    // As when the retried one has failed again.
    bury(&sandbox, &[1]).await;
    assert_eq!(ids(&mut letters).await, ["job-2"]);
    letters.close().await.unwrap();
    let mut again = open(&sandbox).await;
    assert_eq!(again.left(), 2);
    let mut found = ids(&mut again).await;
    found.sort();
    assert_eq!(found, ["job-1", "job-2"]);
}

#[tokio::test]
async fn a_look_that_breaks_off_gives_everything_back() {
    let sandbox = Sandbox::with_outages().await;
    bury(&sandbox, &[1, 2, 3]).await;
    let mut letters = open(&sandbox).await;
    let letter = letters.next().await.unwrap().unwrap();
    sandbox.amqp_proxy().cut();
    assert!(letters.retry(letter).await.is_err());
    sandbox.amqp_proxy().restore();
    let mut found = Vec::new();
    eventually(SOON, async || {
        found.extend(numbers(&drain(&sandbox, DEAD_LETTERS).await));
        found.len() == 3
    })
    .await;
    found.sort_unstable();
    assert_eq!(found, [1, 2, 3]);
    assert!(drain(&sandbox, PARTITION).await.is_empty());
}

#[tokio::test]
async fn what_nobody_takes_any_more_stays() {
    let sandbox = Sandbox::create().await;
    let mut stray = buried(1);
    for (name, value) in &mut stray.headers {
        if name == "x-key" {
            "no-such-queue".clone_into(value);
        }
    }
    let mut unknown = buried(2);
    unknown.headers.clear();
    publish(&sandbox, &[stray, unknown]).await;
    let mut letters = open(&sandbox).await;
    for _ in 0..2 {
        let letter = letters.next().await.unwrap().unwrap();
        let outcome = letters.retry(letter).await;
        assert!(matches!(outcome, Err(BusError::Unroutable)), "{outcome:?}");
    }
    letters.close().await.unwrap();
    let mut left = numbers(&drain(&sandbox, DEAD_LETTERS).await);
    left.sort_unstable();
    assert_eq!(left, [1, 2]);
}

#[tokio::test]
async fn without_a_broker_nothing_opens() {
    let nowhere = AmqpSettings {
        amqp_url: "amqp://guest:guest@127.0.0.1:1/%2f".into(),
    };
    assert!(DeadLetters::open(&nowhere).await.is_err());
}
