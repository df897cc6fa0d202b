//! Likes while something that they go through is down.

use std::time::Duration;

use cache::redis::AsyncCommands;
use serde_json::Value;
use testkit::{Client, Stack, User, eventually};
use tokio::time::timeout;

use crate::{SOON, applied, like, likes_of, path, react, unlike};

fn like_path(post: &Value) -> String {
    format!("{}/like", path(post))
}

/// What somebody is told of the likes of a post: how many, and whether by them.
async fn told(client: &Client, post: &Value) -> (i64, bool) {
    let shown = client.get(&path(post)).await.expect(200);
    let count = shown["likes_count"].as_i64().unwrap();
    (count, shown["is_liked"].as_bool().unwrap())
}

async fn scene() -> (Stack, User, Value) {
    let stack = Stack::builder()
        .with_outages()
        .setting("auth-timeout", "10s")
        .setting("mongodb-timeout", "6s")
        .start()
        .await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    (stack, ana, post)
}

#[tokio::test]
async fn without_redis_likes_are_accepted_and_seen_when_they_are_stored() {
    let (stack, ana, post) = scene().await;
    let inside = ana.at(&stack.posts_insider());
    let redis = stack.sandbox().redis_proxy();
    redis.cut();
    for (n, reaction) in ["❤️", "👍"].into_iter().enumerate() {
        let body = serde_json::json!({ "reaction": reaction });
        let liked = inside.post(&like_path(&post), &body).await.expect(200);
        assert_eq!(liked["likes_count"], 1, "{n}");
        eventually(SOON, async || {
            let shown = inside.get(&path(&post)).await.expect(200);
            shown["likes_count"] == 1 && shown["reaction"] == reaction
        })
        .await;
        redis.hang();
    }
    inside.delete(&like_path(&post)).await.expect(200);
    eventually(SOON, async || told(&inside, &post).await == (0, false)).await;
    redis.restore();
    // As soon as Redis is there again, whoever likes sees it at once.
    eventually(SOON, async || {
        unlike(&ana, &post).await;
        react(&ana, &post, "👍").await;
        likes_of(&ana, &post).await == (1, Some("👍".to_owned()))
    })
    .await;
    applied(&stack).await;
    assert_eq!(likes_of(&ana, &post).await, (1, Some("👍".to_owned())));
}

/// How long Redis may hold an intent against what is stored: the looks of posts.
const LOOKS: Duration = Duration::from_secs(16);

#[tokio::test]
async fn what_is_applied_while_redis_is_away_is_settled_later() {
    let (mut stack, ana, post) = scene().await;
    let other = ana.publish("taken back").await;
    stack.stop_worker().await;
    like(&ana, &post).await;
    unlike(&ana, &other).await;
    // Redis is told behind the answer that the broker has them.
    let mut redis = stack.redis();
    eventually(SOON, async || redis.zcard("like:alive").await == Ok(2)).await;
    let inside = ana.at(&stack.posts_insider());
    stack.sandbox().redis_proxy().cut();
    stack.start_worker().await;
    eventually(SOON, async || told(&inside, &post).await == (1, true)).await;
    let tombstones = stack
        .mongodb()
        .collection::<bson::Document>("like_tombstones");
    let all = bson::doc! {};
    eventually(SOON, async || {
        tombstones.count_documents(all.clone()).await.unwrap() == 1
    })
    .await;
    stack.sandbox().redis_proxy().restore();
    eventually(SOON, async || inside.get(&path(&post)).await.status == 200).await;
    stack.clock().advance(LOOKS);
    applied(&stack).await;
    assert_eq!(told(&inside, &post).await, (1, true));
}

#[tokio::test]
async fn a_redis_that_has_forgotten_everything_changes_nothing() {
    let (mut stack, ana, post) = scene().await;
    stack.stop_worker().await;
    like(&ana, &post).await;
    unlike(&ana, &post).await;
    stack.sandbox().flush_redis().await;
    assert_eq!(told(&ana, &post).await, (0, false));
    let ana = ana.log_in_again().await;
    react(&ana, &post, "👍").await;
    stack.sandbox().flush_redis().await;
    stack.start_worker().await;
    let expected = (1, Some("👍".to_owned()));
    eventually(SOON, async || likes_of(&ana, &post).await == expected).await;
}

#[tokio::test]
async fn without_the_broker_a_like_is_refused_and_forgotten() {
    let (stack, ana, post) = scene().await;
    let broker = stack.sandbox().amqp_proxy();
    like(&ana, &post).await;
    broker.cut();
    for _ in 0..2 {
        let path = like_path(&post);
        let body = serde_json::json!({ "reaction": "👍" });
        for refused in [ana.delete(&path).await, ana.post(&path, &body).await] {
            refused.expect_problem(503, "unavailable");
            assert!(refused.header("retry-after").is_some(), "{refused:?}");
            let before = (1, Some("❤️".to_owned()));
            assert_eq!(likes_of(&ana, &post).await, before);
        }
        broker.hang();
    }
    broker.restore();
    eventually(SOON, async || {
        ana.delete(&like_path(&post)).await.status == 200
    })
    .await;
    assert_eq!(likes_of(&ana, &post).await, (0, None));
}

#[tokio::test]
async fn without_mongodb_what_was_just_seen_can_be_liked() {
    let (stack, ana, post) = scene().await;
    let bo = stack.user("bo").await;
    let other = ana.publish("not seen").await;
    assert_eq!(told(&bo, &post).await, (0, false));
    let inside = bo.at(&stack.posts_insider());
    let mongodb = stack.sandbox().mongodb_proxy();
    mongodb.cut();
    let liked = inside.post_empty(&like_path(&post)).await.expect(200);
    assert_eq!(liked["likes_count"], 1);
    mongodb.hang();
    stack.clock().advance(Duration::from_secs(30));
    let body = serde_json::json!({ "reaction": "👍" });
    inside.post(&like_path(&post), &body).await.expect(200);
    let unseen = inside.post_empty(&like_path(&other)).await;
    unseen.expect_problem(503, "unavailable");
    stack.clock().advance(Duration::from_secs(31));
    let late = inside.post_empty(&like_path(&post)).await;
    late.expect_problem(503, "unavailable");
    mongodb.restore();
    let expected = (1, Some("👍".to_owned()));
    eventually(SOON, async || inside.get(&path(&post)).await.status == 200).await;
    assert_eq!(likes_of(&bo, &post).await, expected);
    applied(&stack).await;
    assert_eq!(likes_of(&bo, &post).await, expected);
}

#[tokio::test]
async fn without_auth_what_was_just_seen_can_be_liked() {
    let (mut stack, ana, post) = scene().await;
    assert_eq!(told(&ana, &post).await, (0, false));
    let inside = ana.at(&stack.posts_insider());
    stack.stop_auth().await;
    inside.post_empty(&like_path(&post)).await.expect(200);
    stack.clock().advance(Duration::from_secs(30));
    inside.delete(&like_path(&post)).await.expect(200);
    stack.clock().advance(Duration::from_mins(1));
    let mut redis = stack.redis();
    // What is kept of ana has run out.
    let kept: Vec<String> = redis.keys("user:*").await.unwrap();
    let _: usize = redis.del(kept).await.unwrap();
    let late = inside.post_empty(&like_path(&post)).await;
    late.expect_problem(503, "unavailable");
    stack.start_auth().await;
    eventually(SOON, async || inside.get(&path(&post)).await.status == 200).await;
    assert_eq!(told(&inside, &post).await, (0, false));
}

/// Somebody who hangs up while the broker makes up its mind.
async fn hang_up(client: &Client, post: &Value) {
    let path = like_path(post);
    let answered = timeout(Duration::from_millis(500), client.post_empty(&path)).await;
    assert!(answered.is_err(), "{answered:?}");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_that_was_not_accepted() {
    let (stack, ana, post) = scene().await;
    let bo = stack.user("bo").await;
    for user in [&ana, &bo] {
        assert_eq!(told(user, &post).await, (0, false));
    }
    let [ana, bo] = [&ana, &bo].map(|user| user.at(&stack.posts_insider()));
    let broker = stack.sandbox().amqp_proxy();
    broker.hang();
    hang_up(&ana, &post).await;
    // Until it is known, it may have been accepted.
    assert_eq!(told(&ana, &post).await, (1, true));
    eventually(SOON, async || told(&ana, &post).await == (0, false)).await;
    // One that is accepted after all.
    hang_up(&bo, &post).await;
    broker.restore();
    eventually(SOON, async || {
        applied(&stack).await;
        let (ana, bo) = (told(&ana, &post).await, told(&bo, &post).await);
        ana.0 == bo.0 && i64::from(ana.1) + i64::from(bo.1) == bo.0
    })
    .await;
}
