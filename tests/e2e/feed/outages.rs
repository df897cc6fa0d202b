//! What becomes of feeds while something that keeps them is gone, and after it is back.

use mongodb::Database;
use serde_json::Value;
use testkit::{ChaosProxy, Response, Stack, User, eventually};

use super::{
    faults::Fault,
    reading::{self, Way},
    rig::{Rig, SETTLING},
    truth::Truth,
};

const FEED: &str = "/api/posts/feed";
/// How long services wait for MongoDB here.
const MONGODB_TIMEOUT: &str = "2s";

type Failure = fn(&ChaosProxy);

/// The two ways for a server to be gone.
const FAILURES: [Failure; 2] = [ChaosProxy::cut, ChaosProxy::hang];

async fn stack() -> Stack {
    Stack::builder().with_outages().start().await
}

/// Somebody with a feed that is cached, and whom she follows.
async fn reader_and_author(stack: &Stack) -> (User, User) {
    let (ana, bo) = tokio::join!(stack.user("ana"), stack.user("bo"));
    ana.follow(&bo).await;
    for n in 0..25 {
        bo.publish(&format!("before {n}")).await;
    }
    is_right(stack.mongodb(), &ana).await;
    is_cached(&ana).await;
    (ana, bo)
}

async fn is_cached(reader: &User) {
    eventually(SETTLING, async || {
        cache_of(&reader.get(FEED).await).as_deref() == Some("HIT")
    })
    .await;
}

fn cache_of(answer: &Response) -> Option<String> {
    answer.expect(200);
    answer.header("x-cache").map(str::to_owned)
}

/// Waits until `reader` sees what must be seen, in pages that are kept and in
/// those that are made each time.
async fn is_right(mongodb: &Database, reader: &User) {
    let id = reader.id.parse().unwrap();
    eventually(SETTLING, async || {
        let truth = Truth::read(mongodb).await.feed_of(id);
        Way::Usual.read(reader).await.feed == truth
            && Way::Numbered(7).read(reader).await.feed == truth
    })
    .await;
}

fn has(answer: &Response, post: &Value) -> bool {
    let page = reading::page(answer).expect("an active account");
    let mut items = page["items"].as_array().unwrap().iter();
    items.any(|item| item["_id"] == post["_id"])
}

#[tokio::test]
async fn without_redis_feeds_come_from_mongodb_and_are_right() {
    let stack = stack().await;
    let (ana, bo) = reader_and_author(&stack).await;
    for fail in FAILURES {
        let doomed = bo.publish("deleted while Redis is gone").await;
        fail(stack.sandbox().redis_proxy());

        for n in 0..3 {
            let theirs = bo.publish(&format!("without Redis {n}")).await;
            let own = ana.publish(&format!("her own without Redis {n}")).await;
            let seen = ana.get(FEED).await;
            assert_eq!(cache_of(&seen).as_deref(), Some("MISS"));
            assert!(has(&seen, &theirs) && has(&seen, &own), "{seen:?}");
        }
        let id = doomed["_id"].as_str().unwrap();
        let path = format!("/api/posts/{id}");
        bo.delete(&path).await.expect(204);
        assert!(!has(&ana.get(FEED).await, &doomed));
        ana.unfollow(&bo).await;
        let own = ana.feed().await;
        assert!(own.iter().all(|post| post["user_id"] == ana.id.as_str()));
        ana.follow(&bo).await;

        stack.sandbox().redis_proxy().restore();
        is_right(stack.mongodb(), &ana).await;
        is_cached(&ana).await;
        is_right(stack.mongodb(), &ana).await;
    }
}

#[tokio::test]
async fn a_redis_that_has_forgotten_everything_changes_no_feed() {
    let stack = stack().await;
    let (ana, bo) = reader_and_author(&stack).await;
    for n in 0..5 {
        let post = bo.publish(&format!("before round {n}")).await;
        stack.sandbox().flush_redis().await;
        let seen = ana.get(FEED).await;
        assert!(has(&seen, &post), "{seen:?}");
        is_cached(&ana).await;
        is_right(stack.mongodb(), &ana).await;
    }
}

#[tokio::test]
async fn a_redis_that_has_forgotten_the_last_moments_is_not_believed() {
    let mut rig = Rig::start().await;
    let people = rig.people(3).await;
    let [ana, bo, cy] = people.as_slice() else {
        panic!("three people");
    };
    for author in [bo, cy] {
        ana.follow(author).await;
        author.publish("before").await;
    }
    is_cached(ana).await;
    assert_eq!(ana.feed().await.len(), 2);

    // What it is told from here on it will not remember.
    Fault::RedisTurnedBack.begin(&mut rig).await;
    bo.publish("after").await;
    ana.unfollow(cy).await;
    is_right(rig.mongodb(), ana).await;
    is_cached(ana).await;
    Fault::RedisTurnedBack.end(&mut rig).await;
    is_right(rig.mongodb(), ana).await;
    is_cached(ana).await;
    is_right(rig.mongodb(), ana).await;
}

#[tokio::test]
async fn without_rabbitmq_own_posts_are_seen_and_others_follow() {
    let stack = stack().await;
    let (ana, bo) = reader_and_author(&stack).await;
    for fail in FAILURES {
        fail(stack.sandbox().amqp_proxy());
        let post = bo.publish("while nobody carries it").await;
        assert!(has(&bo.get(FEED).await, &post));
        ana.get(FEED).await.expect(200);

        stack.sandbox().amqp_proxy().restore();
        is_right(stack.mongodb(), &ana).await;
        assert!(has(&ana.get(FEED).await, &post));
    }
}

#[tokio::test]
async fn without_a_worker_own_posts_are_seen_and_others_follow() {
    let mut stack = stack().await;
    let (ana, bo) = reader_and_author(&stack).await;
    stack.stop_worker().await;
    let post = bo.publish("while nobody works").await;
    assert!(has(&bo.get(FEED).await, &post));
    ana.get(FEED).await.expect(200);

    stack.start_worker().await;
    is_right(stack.mongodb(), &ana).await;
    assert!(has(&ana.get(FEED).await, &post));
}

#[tokio::test]
async fn without_mongodb_cached_pages_are_served_and_others_are_unavailable() {
    let builder = Stack::builder().with_outages();
    let builder = builder.setting("mongodb-timeout", MONGODB_TIMEOUT);
    let stack = builder.start().await;
    let (ana, bo) = reader_and_author(&stack).await;
    for fail in FAILURES {
        let stranger = stack.user("cy").await;
        is_cached(&ana).await;
        let page = ana.get(FEED).await.expect(200);
        fail(stack.sandbox().mongodb_proxy());
        for _ in 0..3 {
            let seen = ana.get(FEED).await;
            assert_eq!(cache_of(&seen).as_deref(), Some("HIT"));
            assert_eq!(seen.json(), page);
        }
        for query in ["limit=7", "limit=11&page=2"] {
            let path = format!("{FEED}?{query}");
            ana.get(&path).await.expect_problem(503, "unavailable");
        }
        stranger.get(FEED).await.expect_problem(503, "unavailable");

        stack.sandbox().mongodb_proxy().restore();
        eventually(SETTLING, async || stranger.get(FEED).await.status == 200).await;
        let post = bo.publish("after").await;
        assert!(has(&bo.get(FEED).await, &post));
        is_right(stack.mongodb(), &ana).await;
    }
}
