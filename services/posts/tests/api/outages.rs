//! What clients see while something that posts needs is down.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Client, Response, Stack, eventually};

use crate::{SOON, path};

/// Every operation once, but for likes, which have outages of their own.
async fn all(client: &Client, post: &str, author: &str) -> Vec<Response> {
    vec![
        client.post("/api/posts", &json!({ "content": "hi" })).await,
        client.get("/api/posts/feed").await,
        client.get(&format!("/api/posts/user/{author}")).await,
        client.get(post).await,
        client.get(&format!("{post}/likes")).await,
        client.get("/api/posts/liked").await,
        client.patch(post, &json!({ "caption": "ho" })).await,
        client.delete(post).await,
    ]
}

fn assert_unavailable(answers: Vec<Response>) {
    for answer in answers {
        answer.expect_problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
}

#[tokio::test]
async fn without_auth_nobody_knows_what_a_stranger_may_see() {
    let mut stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = path(&ana.publish("hi").await);
    // The gateway, which asks auth as well, has its own words for it.
    let inside = bo.at(&stack.posts_insider());
    stack.stop_auth().await;
    let began = Instant::now();
    assert_unavailable(all(&inside, &post, &ana.id).await);
    assert!(began.elapsed() < Duration::from_secs(15));
    stack.start_auth().await;
    eventually(SOON, async || inside.get(&post).await.status == 200).await;
}

#[tokio::test]
async fn without_mongodb_everything_is_unavailable_and_comes_back() {
    let stack = Stack::builder()
        .with_outages()
        .setting("mongodb-timeout", "1500ms")
        .start()
        .await;
    let ana = stack.user("ana").await;
    let post = path(&ana.publish("hi").await);
    let inside = ana.at(&stack.posts_insider());
    stack.sandbox().mongodb_proxy().cut();
    assert_unavailable(all(&inside, &post, &ana.id).await);
    stack.sandbox().mongodb_proxy().hang();
    assert_unavailable(all(&inside, &post, &ana.id).await);
    stack.sandbox().mongodb_proxy().restore();
    eventually(SOON, async || inside.get(&post).await.status == 200).await;
    // The server must first end the transaction that hung.
    let another = json!({ "content": "hi again" });
    eventually(SOON, async || {
        inside.post("/api/posts", &another).await.status == 201
    })
    .await;
    for answer in all(&inside, &post, &ana.id).await {
        assert!(answer.status < 300, "{answer:?}");
    }
}

#[tokio::test]
async fn without_the_broker_everything_works() {
    let stack = Stack::builder().with_outages().start().await;
    let ana = stack.user("ana").await;
    stack.sandbox().amqp_proxy().hang();
    let post = path(&ana.publish("hi").await);
    for answer in all(&ana, &post, &ana.id).await {
        assert!(answer.status < 300, "{answer:?}");
    }
    stack.sandbox().amqp_proxy().restore();
    eventually(SOON, async || ana.me().await["posts_count"] == 1).await;
}
