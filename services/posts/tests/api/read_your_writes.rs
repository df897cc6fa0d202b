//! Whoever likes a post sees that at once, wherever the post is shown, also
//! while nobody has stored it yet.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Stack, User};

use crate::{applied, like, path, posts_of, react, unlike};

/// What `user` is told of the likes of `post`, wherever they can read it.
async fn everywhere(user: &User, author: &User, post: &Value) -> Vec<(i64, Option<String>)> {
    let list = |items: Vec<Value>| items.into_iter().find(|item| item["_id"] == post["_id"]);
    let mut shown = vec![
        user.get(&path(post)).await.expect(200),
        list(user.feed().await).unwrap(),
        list(posts_of(user, author).await).unwrap(),
    ];
    if user.id == author.id {
        let edit = json!({ "caption": format!("edited {}", rand::random::<u64>()) });
        shown.push(user.patch(&path(post), &edit).await.expect(200));
    }
    let liked = user.get("/api/posts/liked").await.expect(200);
    let liked = list(liked["items"].as_array().unwrap().clone());
    assert_eq!(liked.is_some(), shown[0]["is_liked"] == true);
    shown.extend(liked);
    let path = format!("{}/likes", path(post));
    let page = user.get(&path).await.expect(200);
    let mut people = page["items"].as_array().unwrap().iter();
    let own = people.find(|liker| liker["_id"] == *user.id);
    let own = own.map_or(&Value::Null, |own| &own["reaction"]);
    assert_eq!(own, &shown[0]["reaction"]);
    let told = |post: &Value| {
        let reaction = post["reaction"].as_str().map(str::to_owned);
        assert_eq!(post["is_liked"], reaction.is_some());
        (post["likes_count"].as_i64().unwrap(), reaction)
    };
    shown.iter().map(told).collect()
}

#[tokio::test]
async fn a_like_is_seen_everywhere_before_and_after_it_is_stored() {
    let mut stack = Stack::builder().without_worker().start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    bo.follow(&ana).await;
    let post = ana.publish("hi").await;
    let seen = async |user: &User, count: i64, reaction: Option<&str>| {
        for told in everywhere(user, &ana, &post).await {
            assert_eq!(told, (count, reaction.map(str::to_owned)));
        }
    };
    for user in [&ana, &bo] {
        seen(user, 0, None).await;
        like(user, &post).await;
        seen(user, 1, Some("❤️")).await;
        react(user, &post, "👍").await;
        seen(user, 1, Some("👍")).await;
        unlike(user, &post).await;
        seen(user, 0, None).await;
        like(user, &post).await;
        seen(user, 1, Some("❤️")).await;
    }
    stack.start_worker().await;
    applied(&stack).await;
    seen(&ana, 2, Some("❤️")).await;
    seen(&bo, 2, Some("❤️")).await;
    stack.stop_worker().await;
    react(&bo, &post, "👍").await;
    seen(&bo, 2, Some("👍")).await;
    unlike(&bo, &post).await;
    seen(&bo, 1, None).await;
    seen(&ana, 2, Some("❤️")).await;
    stack.start_worker().await;
    applied(&stack).await;
    seen(&bo, 1, None).await;
    seen(&ana, 1, Some("❤️")).await;
}

#[tokio::test]
async fn what_waits_for_long_is_still_seen() {
    let stack = Stack::builder().without_worker().start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    like(&ana, &post).await;
    stack.clock().advance(Duration::from_hours(1));
    let ana = ana.log_in_again().await;
    assert_eq!(everywhere(&ana, &ana, &post).await[0].0, 1);
}
