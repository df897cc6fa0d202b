use std::time::Duration;

use bson::doc;
use domain::REACTION_MAX;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Method, Stack, eventually};

use crate::{SOON, applied, like, likes_of, path, patient, planted, react, unlike};

#[tokio::test]
async fn whoever_names_no_reaction_likes_it_with_a_heart() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let liked = json!({
        "post_id": post["_id"], "is_liked": true, "reaction": "❤️", "likes_count": 1,
    });
    assert_eq!(like(&ana, &post).await, liked);
    let path = format!("{}/like", path(&post));
    for body in [json!({}), json!({ "reaction": null })] {
        assert_eq!(ana.post(&path, &body).await.expect(200), liked);
    }
    let empty = ana.request(Method::POST, &path);
    let empty = empty.header("content-type", "application/json").body("");
    assert_eq!(ana.send(empty).await.expect(200), liked);
}

#[tokio::test]
async fn a_second_like_changes_nothing() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let first = like(&ana, &post).await;
    assert_eq!(like(&ana, &post).await, first);
    applied(&stack).await;
    assert_eq!(like(&ana, &post).await, first);
    applied(&stack).await;
    let stored = planted::likes(&stack);
    assert_eq!(stored.count_documents(doc! {}).await.unwrap(), 1);
    let post = planted::posts(&stack).find_one(doc! {}).await.unwrap();
    assert_eq!(post.unwrap().get_i64("likes_count").unwrap(), 1);
}

#[tokio::test]
async fn another_reaction_takes_the_place_of_the_first() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    for reaction in ["👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "❤️", "+"] {
        let liked = react(&ana, &post, reaction).await;
        assert_eq!(
            (&liked["reaction"], &liked["likes_count"]),
            (&reaction.into(), &1.into())
        );
        applied(&stack).await;
        assert_eq!(likes_of(&ana, &post).await, (1, Some(reaction.to_owned())));
        let stored = planted::likes(&stack).find_one(doc! {}).await.unwrap();
        assert_eq!(stored.unwrap().get_str("reaction").unwrap(), reaction);
    }
}

#[tokio::test]
async fn everybody_counts() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    like(&ana, &post).await;
    eventually(SOON, async || likes_of(&bo, &post).await == (1, None)).await;
    assert_eq!(react(&bo, &post, "😮").await["likes_count"], 2);
    assert_eq!(likes_of(&bo, &post).await, (2, Some("😮".to_owned())));
    eventually(SOON, async || likes_of(&ana, &post).await.0 == 2).await;
    assert_eq!(unlike(&ana, &post).await["likes_count"], 1);
    eventually(SOON, async || likes_of(&bo, &post).await.0 == 1).await;
}

#[tokio::test]
async fn what_is_no_reaction_is_refused() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let path_of_like = format!("{}/like", path(&post));
    for (body, field) in [
        (json!({ "reaction": "" }), "reaction"),
        (json!({ "reaction": "ab" }), "reaction"),
        (json!({ "reaction": " " }), "reaction"),
        (json!({ "reaction": "❤️❤️" }), "reaction"),
        (
            json!({ "reaction": format!("a{}", "\u{301}".repeat(REACTION_MAX)) }),
            "reaction",
        ),
        (json!({ "reaction": 1 }), "reaction"),
        (json!({ "like": true }), "like"),
        (json!([]), ""),
    ] {
        let refused = ana.post(&path_of_like, &body).await;
        let problem = refused.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, [field], "{body}");
    }
    let text = ana.request(Method::POST, &path_of_like).body("❤️");
    let refused = ana.send(text).await;
    refused.expect_problem(415, "unsupported_media_type");
    assert_eq!(likes_of(&ana, &post).await, (0, None));
}

#[tokio::test]
async fn what_is_not_there_cannot_be_liked() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    for nothing in ["000000000000000000000000", "post", &ana.id] {
        let path = format!("/api/posts/{nothing}/like");
        for answer in [ana.post_empty(&path).await, ana.delete(&path).await] {
            answer.expect_problem(404, "post_not_found");
        }
    }
    like(&bo, &post).await;
    ana.delete(&path(&post)).await.expect(204);
    // Although he has just seen it.
    let again = bo.post_empty(&format!("{}/like", path(&post))).await;
    again.expect_problem(404, "post_not_found");
}

#[tokio::test]
async fn whoever_has_seen_a_post_may_like_it_for_a_moment_longer() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    assert_eq!(likes_of(&bo, &post).await, (0, None));
    ana.make_private().await;
    like(&bo, &post).await;
    stack.clock().advance(Duration::from_secs(31));
    let later = bo.post_empty(&format!("{}/like", path(&post))).await;
    later.expect_problem(404, "post_not_found");
}

#[tokio::test]
async fn a_like_of_the_predecessor_is_a_like() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    let old = planted::like(&bo, &post, 1_000);
    planted::likes(&stack).insert_one(old).await.unwrap();
    let count = doc! { "$set": { "likes_count": 1.0 } };
    planted::posts(&stack)
        .update_one(doc! {}, count)
        .await
        .unwrap();
    assert_eq!(likes_of(&bo, &post).await, (1, Some("❤️".to_owned())));
    assert_eq!(likes_of(&ana, &post).await, (1, None));
    assert_eq!(react(&bo, &post, "👍").await["likes_count"], 1);
    applied(&stack).await;
    assert_eq!(likes_of(&bo, &post).await, (1, Some("👍".to_owned())));
    assert_eq!(unlike(&bo, &post).await["likes_count"], 0);
    applied(&stack).await;
    assert_eq!(likes_of(&ana, &post).await, (0, None));
}

/// What one person asks for at once has some order, and what they are shown,
/// what is stored and what is counted agree on its last.
#[tokio::test]
async fn what_is_asked_for_at_once_ends_in_one_state() {
    let stack = patient().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let path = format!("{}/like", path(&post));
    for _ in 0..5 {
        let asks = (0..20).map(async |n| match n % 3 {
            0 => ana.delete(&path).await.expect(200),
            1 => ana.post_empty(&path).await.expect(200),
            _ => ana
                .post(&path, &json!({ "reaction": "👍" }))
                .await
                .expect(200),
        });
        join_all(asks).await;
        let shown = likes_of(&ana, &post).await;
        applied(&stack).await;
        assert_eq!(likes_of(&ana, &post).await, shown);
        let stored = planted::likes(&stack).find_one(doc! {}).await.unwrap();
        let reaction = stored.map(|like| like.get_str("reaction").unwrap().to_owned());
        assert_eq!((i64::from(reaction.is_some()), reaction), shown);
    }
    // One after the other: the last holds.
    for n in 0..20 {
        let answer: Value = if n % 2 == 0 {
            like(&ana, &post).await
        } else {
            unlike(&ana, &post).await
        };
        assert_eq!(answer["likes_count"], (n + 1) % 2);
    }
    applied(&stack).await;
    assert_eq!(likes_of(&ana, &post).await, (0, None));
    assert_eq!(
        planted::likes(&stack)
            .count_documents(doc! {})
            .await
            .unwrap(),
        0
    );
}
