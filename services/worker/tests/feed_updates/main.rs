//! What a worker makes of `feed-updates-queue`, with a real broker and Redis.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod posts;

use std::{sync::Arc, time::Duration};

use bson::oid::ObjectId;
use bus::{AmqpSettings, DeadLetters, Message, Publisher, declare_topology, job_message};
use clap::Parser;
use contracts::{
    jobs::v1::{
        Job, LikeSubject, PostAdded, SetLike, UpdateFeeds, job::Work, update_feeds::Change,
    },
    timestamp,
    topology::{FEED_UPDATES, JOBS},
};
use domain::Id;
use runtime::{Clock, Shutdown, SystemClock};
use testkit::{Sandbox, eventually};
use worker::{App, Settings};

use crate::posts::Posts;

/// Long enough for a reconnect on a busy machine.
const SOON: Duration = Duration::from_secs(20);
const CREDENTIAL: &str = "credential-of-these-tests-and-nobody-else";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

struct Rig {
    posts: Posts,
    publisher: Publisher,
    broker: AmqpSettings,
    shutdown: Shutdown,
    sandbox: Sandbox,
}

impl Rig {
    async fn start(sandbox: Sandbox, readers: usize) -> Self {
        let direct = sandbox.direct_amqp_url().await.to_owned();
        declare_topology(&direct).await.unwrap();
        let shutdown = Shutdown::new();
        let (posts, address) = Posts::serve(CREDENTIAL.into(), &shutdown).await;
        let flags = Flags::try_parse_from([
            "worker".to_owned(),
            "--queues=feed-updates-queue".to_owned(),
            format!("--feed-updates-at-once={readers}"),
            format!("--posts-grpc-url=http://{address}"),
            format!("--amqp-url={}", sandbox.amqp_url().await),
            format!("--redis-url={}", sandbox.redis_url()),
            format!("--service-credential={CREDENTIAL}"),
            "--admin-addr=127.0.0.1:0".to_owned(),
        ]);
        let settings = flags.map_err(|error| error.to_string()).unwrap().settings;
        let app = App::build(settings, shutdown.clone(), Arc::new(String::new));
        let run = app.await.unwrap().run();
        shutdown.spawn(async { run.await.unwrap() });
        let broker = AmqpSettings {
            amqp_url: direct.into(),
        };
        Self {
            posts,
            publisher: Publisher::new(&broker, "test"),
            broker,
            shutdown,
            sandbox,
        }
    }

    async fn publish(&self, message: &Message) {
        self.publisher.publish(message).await.unwrap();
    }

    /// Waits until everything that was published so far has been taken by the
    /// only reader.
    async fn all_before_are_done(&self) {
        let last = self.posts.author(1);
        self.publish(&posted(&last)).await;
        self.is_done(&last, 1).await;
    }

    async fn is_done(&self, author: &str, pages: usize) {
        eventually(SOON, async || self.posts.asked_of(author).len() == pages).await;
    }

    /// Takes the dead letters: the id, the kind and the reason of each.
    async fn dead(&self) -> Vec<(String, String, String)> {
        let mut letters = DeadLetters::open(&self.broker).await.unwrap();
        let mut dead = Vec::new();
        while let Some(letter) = letters.next().await.unwrap() {
            let told = (
                letter.id.clone(),
                letter.kind.clone(),
                letter.reason.clone(),
            );
            dead.push(told);
            letters.discard(letter).await.unwrap();
        }
        letters.close().await.unwrap();
        dead
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.stop_now();
    }
}

/// `author` has posted, as posts tells it.
fn posted(author: &str) -> Message {
    let now = SystemClock.now();
    let work = Work::UpdateFeeds(UpdateFeeds {
        author_id: author.to_owned(),
        change: Some(Change::PostAdded(PostAdded {
            post_id: ObjectId::new().to_hex(),
            created_at: Some(timestamp(now)),
        })),
        page: 0,
        after_position: String::new(),
    });
    job_message(FEED_UPDATES, Job::new(ObjectId::new(), now, work))
}

#[tokio::test]
async fn a_job_goes_from_page_to_page_to_the_end() {
    let rig = Rig::start(Sandbox::create().await, 4).await;
    let author = rig.posts.author(12);
    rig.publish(&posted(&author)).await;
    rig.is_done(&author, 12).await;
    assert_eq!(rig.posts.asked_of(&author), (0..12).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_that_comes_again_does_not_fork_the_chain() {
    let rig = Rig::start(Sandbox::create().await, 1).await;
    let author = rig.posts.author(5);
    let first = posted(&author);
    rig.publish(&first).await;
    rig.is_done(&author, 5).await;
    for _ in 0..3 {
        rig.publish(&first).await;
    }
    rig.all_before_are_done().await;
    assert_eq!(rig.posts.asked_of(&author), [0, 1, 2, 3, 4]);
    // Another post of the same author is another chain.
    rig.publish(&posted(&author)).await;
    rig.is_done(&author, 10).await;
}

#[tokio::test]
async fn authors_take_turns_page_by_page() {
    let rig = Rig::start(Sandbox::create().await, 1).await;
    let (celebrity, other) = (rig.posts.author(3), rig.posts.author(2));
    rig.posts.hold(Some(&celebrity));
    rig.publish(&posted(&celebrity)).await;
    rig.is_done(&celebrity, 1).await;
    rig.publish(&posted(&other)).await;
    rig.posts.hold(None);
    rig.is_done(&celebrity, 3).await;
    let expected = [
        (&celebrity, 0),
        (&other, 0),
        (&celebrity, 1),
        (&other, 1),
        (&celebrity, 2),
    ];
    let expected = expected.map(|(author, page)| (author.clone(), page));
    assert_eq!(rig.posts.asked(), expected);
}

#[tokio::test]
async fn a_page_that_takes_long_holds_up_nobody_else() {
    let rig = Rig::start(Sandbox::create().await, 2).await;
    let slow = rig.posts.author(2);
    rig.posts.hold(Some(&slow));
    rig.publish(&posted(&slow)).await;
    rig.is_done(&slow, 1).await;
    let others: Vec<String> = (0..10).map(|_| rig.posts.author(1)).collect();
    for other in &others {
        rig.publish(&posted(other)).await;
    }
    for other in &others {
        rig.is_done(other, 1).await;
    }
    assert_eq!(rig.posts.asked_of(&slow), [0]);
    rig.posts.hold(None);
    rig.is_done(&slow, 2).await;
}

#[tokio::test]
async fn a_poison_job_is_buried_alone() {
    let rig = Rig::start(Sandbox::create().await, 1).await;
    let author = rig.posts.author(1);
    let unknown = Id::<domain::User>::generate().to_string();
    let nonsense = posted(&unknown);
    let like = Work::SetLike(SetLike {
        user_id: unknown.clone(),
        subject: LikeSubject::Post.into(),
        subject_id: unknown.clone(),
        reaction: None,
    });
    let astray = Job::new(ObjectId::new(), SystemClock.now(), like);
    let astray = job_message(FEED_UPDATES, astray);
    let unreadable = Message {
        id: "unreadable".to_owned(),
        exchange: JOBS.to_owned(),
        key: FEED_UPDATES.to_owned(),
        headers: Vec::new(),
        payload: b"\xff\xff".to_vec(),
    };
    for poison in [&nonsense, &astray, &unreadable] {
        rig.publish(poison).await;
        rig.publish(&posted(&author)).await;
    }
    rig.is_done(&author, 3).await;
    let dead = rig.dead().await;
    let ids: Vec<&str> = dead.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(ids, [&nonsense.id, &astray.id, "unreadable"]);
    assert!(
        dead.iter().all(|(_, kind, _)| kind == "invalid"),
        "{dead:?}"
    );
    assert_eq!(dead[0].2, "posts: no such author");
}

#[tokio::test]
async fn while_posts_is_down_jobs_wait_and_none_is_given_up() {
    let rig = Rig::start(Sandbox::create().await, 2).await;
    let authors: Vec<String> = (0..3).map(|_| rig.posts.author(2)).collect();
    rig.posts.set_down(true);
    for author in &authors {
        rig.publish(&posted(author)).await;
    }
    eventually(SOON, async || rig.posts.asked().len() >= 6).await;
    rig.posts.set_down(false);
    for author in &authors {
        let is_last = async || rig.posts.asked_of(author).last() == Some(&1);
        eventually(SOON, is_last).await;
    }
    assert!(rig.dead().await.is_empty());
}

#[tokio::test]
async fn without_redis_jobs_are_done() {
    let rig = Rig::start(Sandbox::with_outages().await, 2).await;
    let author = rig.posts.author(3);
    rig.sandbox.redis_proxy().hang();
    rig.publish(&posted(&author)).await;
    rig.is_done(&author, 3).await;
}

#[tokio::test]
async fn a_page_is_not_done_before_the_broker_has_the_next_one() {
    let rig = Rig::start(Sandbox::with_outages().await, 1).await;
    let author = rig.posts.author(3);
    rig.posts.hold(Some(&author));
    rig.publish(&posted(&author)).await;
    rig.is_done(&author, 1).await;
    rig.sandbox.amqp_proxy().cut();
    rig.posts.hold(None);
    let is_tried_again = async || rig.posts.asked_of(&author).len() > 1;
    eventually(SOON, is_tried_again).await;
    assert!(!rig.posts.asked_of(&author).contains(&1));
    rig.sandbox.amqp_proxy().restore();
    let is_last = async || rig.posts.asked_of(&author).last() == Some(&2);
    eventually(SOON, is_last).await;
    assert!(rig.dead().await.is_empty());
}
