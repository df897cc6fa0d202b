use std::time::Duration;

use contracts::jobs::v1::NotificationKind;
use serde_json::{Value, json};
use testkit::{Notifications, Stack, User, eventually, eventually_some};

use crate::{SOON, applied, comment_path, comments_path, content_counts::nothing_is_wrong, path};

/// What `user` is told of the likes of a comment: how many, and their own.
async fn likes_of(user: &User, comment: &Value) -> (i64, Option<String>) {
    let post = comment["post_id"].as_str().unwrap();
    let mut list = format!("/api/posts/{post}/comments");
    if let Some(parent) = comment["parent_id"].as_str() {
        list = format!("{list}?parent_id={parent}");
    }
    let shown = user.list(&list).await;
    let mut shown = shown.iter();
    let shown = shown.find(|it| it["_id"] == comment["_id"]).unwrap();
    let reaction = shown["reaction"].as_str().map(str::to_owned);
    assert_eq!(shown["is_liked"], reaction.is_some(), "{shown}");
    (shown["likes_count"].as_i64().unwrap(), reaction)
}

async fn react(user: &User, comment: &Value, reaction: &str) -> Value {
    let path = format!("{}/like", comment_path(comment));
    let body = json!({ "reaction": reaction });
    user.post(&path, &body).await.expect(200)
}

#[tokio::test]
async fn a_like_is_seen_by_whoever_gave_it_before_and_after_it_is_stored() {
    let mut stack = Stack::builder().without_worker().start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    let comment = bo.comment(&post, "one").await;
    let reply = bo.reply(&comment, "two").await;
    for comment in [&comment, &reply] {
        let liked = json!({
            "comment_id": comment["_id"], "is_liked": true, "reaction": "❤️", "likes_count": 1,
        });
        for _ in 0..2 {
            assert_eq!(ana.like_comment(comment).await, liked);
            assert_eq!(likes_of(&ana, comment).await, (1, Some("❤️".to_owned())));
            assert_eq!(likes_of(&bo, comment).await, (0, None));
        }
        let changed = react(&ana, comment, "👍").await;
        assert_eq!(changed["likes_count"], 1);
        assert_eq!(likes_of(&ana, comment).await, (1, Some("👍".to_owned())));
    }
    stack.start_worker().await;
    applied(&stack).await;
    for comment in [&comment, &reply] {
        assert_eq!(likes_of(&ana, comment).await, (1, Some("👍".to_owned())));
        assert_eq!(likes_of(&bo, comment).await, (1, None));
        assert_eq!(react(&bo, comment, "🎉").await["likes_count"], 2);
    }
    // They are likes of no post.
    assert_eq!(ana.list("/api/posts/liked").await, Vec::<Value>::new());
    let shown = ana.get(&path(&post)).await.expect(200);
    assert_eq!(shown["likes_count"], 0);
    applied(&stack).await;
    nothing_is_wrong(&stack).await;
}

#[tokio::test]
async fn its_author_is_told_of_it_with_the_post() {
    let stack = Stack::start().await;
    let notifications = Notifications::of(stack.sandbox()).await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    let comment = bo.comment(&post, "one").await;
    bo.like_comment(&comment).await;
    ana.like_comment(&comment).await;
    let told = eventually_some(SOON, async || {
        notifications.told(&bo, NotificationKind::Like).pop()
    });
    let told = told.await;
    assert_eq!(told.post_id, post["_id"].as_str().unwrap());
    assert_eq!(told.comment_id, comment["_id"].as_str().unwrap());
    let actors: Vec<&str> = told.actors.iter().map(|it| it.user_id.as_str()).collect();
    assert_eq!(actors, [&ana.id]);
}

#[tokio::test]
async fn what_is_no_reaction_is_refused() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let comment = ana.comment(&post, "one").await;
    let like = format!("{}/like", comment_path(&comment));
    for (body, field) in [
        (json!({ "reaction": "ab" }), "reaction"),
        (json!({ "like": true }), "like"),
    ] {
        let refused = ana.post(&like, &body).await;
        let problem = refused.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, [field], "{body}");
    }
    assert_eq!(likes_of(&ana, &comment).await, (0, None));
}

#[tokio::test]
async fn what_is_not_there_cannot_be_liked() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    let comment = bo.comment(&post, "one").await;
    let nothing = [
        "000000000000000000000000",
        "x",
        post["_id"].as_str().unwrap(),
    ];
    for nothing in nothing {
        let path = format!("/api/comments/{nothing}/like");
        for answer in [ana.post_empty(&path).await, ana.delete(&path).await] {
            answer.expect_problem(404, "comment_not_found");
        }
    }
    ana.like_comment(&comment).await;
    bo.delete(&comment_path(&comment)).await.expect(204);
    // Although she has just seen it.
    let like = format!("{}/like", comment_path(&comment));
    for answer in [ana.post_empty(&like).await, ana.delete(&like).await] {
        answer.expect_problem(404, "comment_not_found");
    }
}

#[tokio::test]
async fn whoever_has_seen_a_comment_may_like_it_for_a_moment_longer() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    let comment = ana.comment(&post, "one").await;
    assert_eq!(likes_of(&bo, &comment).await, (0, None));
    ana.make_private().await;
    bo.get(&comments_path(&post)).await.expect(404);
    bo.like_comment(&comment).await;
    stack.clock().advance(Duration::from_secs(31));
    let later = format!("{}/like", comment_path(&comment));
    let later = bo.post_empty(&later).await;
    later.expect_problem(404, "comment_not_found");
    eventually(SOON, async || likes_of(&ana, &comment).await.0 == 1).await;
}
