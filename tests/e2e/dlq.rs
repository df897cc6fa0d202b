//! `anufy dlq`: what can never succeed is seen, retried and dropped.

use std::time::Duration;

use bus::{AmqpSettings, JobPublisher, Message, Publisher};
use contracts::{
    jobs::v1::{Job, Jobs, LikeSubject, SetLike, job::Work},
    topology::{AUTH_EVENTS, DEAD, DEAD_LETTERS, EVENTS, JOBS, LIKES, POSTS_COUNTED},
};
use mongodb::bson::{Document, doc, oid::ObjectId};
use runtime::Shutdown;
use testkit::{Sandbox, Stack, eventually, eventually_some};

use crate::operator::anufy;

const SOON: Duration = Duration::from_secs(20);

async fn broker(sandbox: &Sandbox) -> AmqpSettings {
    AmqpSettings {
        amqp_url: sandbox.direct_amqp_url().await.into(),
    }
}

/// Runs `anufy dlq` with these arguments.
async fn dlq(sandbox: &Sandbox, arguments: &[&str]) -> (Option<i32>, String) {
    let amqp_url = sandbox.amqp_url().await;
    let arguments = [&["dlq"], arguments].concat();
    anufy(&arguments, vec![("AMQP_URL", amqp_url)]).await
}

/// The lines of `anufy dlq list`, in words.
async fn list(sandbox: &Sandbox) -> Vec<Vec<String>> {
    let (status, output) = dlq(sandbox, &["list"]).await;
    assert_eq!(status, Some(0), "{output}");
    let mut lines: Vec<&str> = output.lines().collect();
    let count = lines.len() - 1;
    assert_eq!(
        lines.pop().unwrap(),
        format!("{count} of {count} dead letters")
    );
    let words = |line: &str| line.split('\t').map(str::to_owned).collect();
    lines.into_iter().map(words).collect()
}

async fn ids(sandbox: &Sandbox) -> Vec<String> {
    let mut lines = list(sandbox).await;
    lines.iter_mut().map(|words| words.swap_remove(0)).collect()
}

/// Puts an event that auth could not handle to the dead letters.
async fn bury(sandbox: &Sandbox, id: &str, reason: &str) {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    bury_message(
        sandbox,
        Message {
            id: id.to_owned(),
            exchange: DEAD.to_owned(),
            key: AUTH_EVENTS.to_owned(),
            headers: vec![
                header("x-reason", reason),
                header("x-reason-kind", "internal"),
                header("x-queue", AUTH_EVENTS),
                header("x-exchange", EVENTS),
                header("x-key", POSTS_COUNTED),
                header("x-buried-at", "2026-07-01T10:00:00.000Z"),
            ],
            payload: id.as_bytes().to_vec(),
        },
    )
    .await;
}

async fn bury_message(sandbox: &Sandbox, letter: Message) {
    let publisher = Publisher::new(&broker(sandbox).await, "test");
    publisher.publish(&letter).await.unwrap();
}

/// Somebody called `user_id` likes a post.
fn like(user_id: &str, post_id: &str) -> Job {
    Job {
        id: ObjectId::new().to_hex(),
        accepted_at: Some(contracts::timestamp(domain::Timestamp::from_millis(
            1_780_000_000_000,
        ))),
        version: 1_780_000_000_000_000,
        trace: [].into(),
        work: Some(Work::SetLike(SetLike {
            user_id: user_id.to_owned(),
            subject: LikeSubject::Post.into(),
            subject_id: post_id.to_owned(),
            reaction: Some("❤️".to_owned()),
        })),
    }
}

#[tokio::test]
async fn dead_letters_are_listed_oldest_first_and_stay() {
    let sandbox = Sandbox::create().await;
    assert!(list(&sandbox).await.is_empty());
    bury(&sandbox, "one", "no such user").await;
    bury(&sandbox, "two", "strange\nin two lines").await;
    bury(&sandbox, "three", "").await;
    for _ in 0..2 {
        let lines = list(&sandbox).await;
        let when = "2026-07-01T10:00:00.000Z";
        let expected = [
            ["one", AUTH_EVENTS, "internal", when, "no such user"],
            ["two", AUTH_EVENTS, "internal", when, "strange in two lines"],
            ["three", AUTH_EVENTS, "internal", when, "-"],
        ];
        assert_eq!(lines, expected);
    }
    let (status, output) = dlq(&sandbox, &["list", "--limit", "1"]).await;
    assert_eq!(status, Some(0), "{output}");
    assert!(output.ends_with("1 of 3 dead letters"), "{output}");
    assert_eq!(output.lines().count(), 2, "{output}");
}

#[tokio::test]
async fn those_named_are_dropped_and_who_is_not_there_is_told() {
    let sandbox = Sandbox::create().await;
    for id in ["one", "two", "three", "four"] {
        bury(&sandbox, id, "why").await;
    }
    let (status, output) = dlq(&sandbox, &["drop", "three", "nine", "one"]).await;
    assert_eq!(status, Some(1), "{output}");
    for line in ["one: dropped", "three: dropped", "nine: not there"] {
        assert!(output.lines().any(|it| it == line), "{line}: {output}");
    }
    assert!(output.contains("2 dropped, 1 not"), "{output}");
    assert_eq!(ids(&sandbox).await, ["two", "four"]);
    let (status, output) = dlq(&sandbox, &["drop", "--all"]).await;
    assert_eq!(status, Some(0), "{output}");
    assert!(list(&sandbox).await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_published_again_stays() {
    let sandbox = Sandbox::create().await;
    let stray = Message {
        id: "stray".to_owned(),
        exchange: DEAD.to_owned(),
        key: DEAD_LETTERS.to_owned(),
        headers: Vec::new(),
        payload: b"from nowhere".to_vec(),
    };
    bury_message(&sandbox, stray).await;
    bury(&sandbox, "fine", "why").await;
    let (status, output) = dlq(&sandbox, &["retry", "--all"]).await;
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("stray: not retried"), "{output}");
    assert!(output.contains("fine: retried"), "{output}");
    assert_eq!(ids(&sandbox).await, ["stray"]);
}

#[tokio::test]
async fn a_like_that_was_given_up_is_stored_once_it_is_retried() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hello").await;
    let post_id = post["_id"].as_str().unwrap();
    let job = like(&bo.id, post_id);
    let partition = LIKES.partition_of(&post_id.parse::<ObjectId>().unwrap().bytes());
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let letter = Message {
        id: job.id.clone(),
        exchange: DEAD.to_owned(),
        key: partition.to_owned(),
        headers: vec![header("x-exchange", JOBS), header("x-key", partition)],
        payload: Jobs {
            jobs: vec![job.clone()],
        }
        .to_bytes(),
    };
    bury_message(stack.sandbox(), letter).await;

    let (status, output) = dlq(stack.sandbox(), &["retry", &job.id]).await;
    assert_eq!(status, Some(0), "{output}");
    let likes = stack.mongodb().collection::<Document>("likes");
    let user_id: ObjectId = bo.id.parse().unwrap();
    eventually(SOON, async || {
        let stored = likes.find_one(doc! { "user_id": user_id }).await;
        stored.unwrap().is_some()
    })
    .await;
    assert!(list(stack.sandbox()).await.is_empty());
}

#[tokio::test]
async fn poison_is_seen_with_its_reason_comes_back_when_retried_and_can_be_dropped() {
    let stack = Stack::start().await;
    let sandbox = stack.sandbox();
    let publisher = Publisher::new(&broker(sandbox).await, "test");
    let publisher = JobPublisher::new(&publisher, LIKES, &Shutdown::new());
    let poison = like("nobody", &ObjectId::new().to_hex());
    publisher.publish(b"any", poison.clone()).await.unwrap();

    let seen = async || {
        let lines = list(sandbox).await;
        lines.into_iter().find(|words| words[0] == poison.id)
    };
    let first = eventually_some(SOON, seen).await;
    assert_eq!(first[1], LIKES.partition_of(b"any"));
    assert_eq!(first[2], "invalid");
    assert!(first[4].contains(&poison.id), "{first:?}");
    let (status, output) = dlq(sandbox, &["retry", &poison.id]).await;
    assert_eq!(status, Some(0), "{output}");
    let again = eventually_some(SOON, seen).await;
    assert!(again[3] > first[3], "{again:?} is not after {first:?}");
    let (status, output) = dlq(sandbox, &["drop", &poison.id]).await;
    assert_eq!(status, Some(0), "{output}");
    assert!(list(sandbox).await.is_empty());
}

#[tokio::test]
async fn without_a_broker_it_says_so() {
    let sandbox = Sandbox::with_outages().await;
    bury(&sandbox, "one", "why").await;
    sandbox.amqp_proxy().cut();
    let (status, output) = dlq(&sandbox, &["retry", "--all"]).await;
    assert_eq!(status, Some(1), "{output}");
    assert!(
        output.contains("the dead letters could not be read"),
        "{output}"
    );
    sandbox.amqp_proxy().restore();
    assert_eq!(ids(&sandbox).await, ["one"]);
}

#[tokio::test]
async fn who_says_neither_which_nor_all_is_refused() {
    for arguments in [
        &["dlq", "drop"][..],
        &["dlq", "retry", "--all", "one"],
        &["dlq", "list"],
    ] {
        let amqp_url = ("AMQP_URL", "amqp://127.0.0.1:1".to_owned());
        let is_complete = arguments.len() > 2 || arguments[1] != "list";
        let environment = if is_complete {
            vec![amqp_url]
        } else {
            Vec::new()
        };
        let (status, output) = anufy(arguments, environment).await;
        assert_eq!(status, Some(64), "{arguments:?}: {output}");
    }
}
