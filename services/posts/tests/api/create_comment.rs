use bson::{Bson, doc};
use contracts::jobs::v1::NotificationKind;
use domain::CAPTION_MAX;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, Method, Notifications, Response, Stack, User, eventually};

use crate::{SOON, comment_path, comments_path, follower_and_author, path, patient, planted};

async fn create(client: &Client, post: &Value, key: &str, body: &Value) -> Response {
    let request = client.request(Method::POST, &comments_path(post));
    let request = request.header("idempotency-key", key).json(body);
    client.send(request).await
}

/// The counts that `user` is shown of a post and of one of its comments.
async fn counts(user: &User, post: &Value, comment: &Value) -> (Value, Value) {
    let shown = user.get(&path(post)).await.expect(200);
    let comments = user.list(&comments_path(post)).await;
    let mut comments = comments.iter();
    let first = comments.find(|shown| shown["_id"] == comment["_id"]);
    let replies = first.unwrap()["replies_count"].clone();
    (shown["comments_count"].clone(), replies)
}

#[tokio::test]
async fn a_comment_is_shown_as_it_was_answered() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    let text = format!(" Look, @{}! #nice ", ana.username);
    let comment = bo.comment(&post, &text).await;
    let expected = json!({
        "_id": comment["_id"],
        "post_id": post["_id"],
        "user_id": bo.id,
        "user": {
            "_id": bo.id, "username": bo.username, "full_name": "bo of the tests",
            "avatar_url": null, "is_verified": false,
        },
        "parent_id": null,
        "content": text.trim(),
        "mentions": [ana.username],
        "likes_count": 0,
        "replies_count": 0,
        "created_at": comment["created_at"],
        "is_liked": false,
        "reaction": null,
    });
    assert_eq!(comment, expected);
    assert_eq!(ana.list(&comments_path(&post)).await, [comment]);
}

#[tokio::test]
async fn comments_and_replies_are_counted() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    let comment = bo.comment(&post, "one").await;
    assert_eq!(counts(&ana, &post, &comment).await, (1.into(), 0.into()));
    let reply = ana.reply(&comment, "two").await;
    assert_eq!(reply["parent_id"], comment["_id"]);
    bo.reply(&comment, "three").await;
    ana.comment(&post, "four").await;
    for user in [&ana, &bo] {
        assert_eq!(counts(user, &post, &comment).await, (4.into(), 2.into()));
    }
}

#[tokio::test]
async fn whoever_comments_sees_the_count_in_their_feed_at_once() {
    let stack = Stack::start().await;
    let (ana, bo) = follower_and_author(&stack).await;
    let post = bo.publish("hi").await;
    eventually(SOON, async || ana.feed().await.len() == 1).await;
    for count in 1..=2 {
        let comment = ana.comment(&post, "so true").await;
        assert_eq!(ana.feed().await[0]["comments_count"], count);
        ana.delete(&comment_path(&comment)).await.expect(204);
        assert_eq!(ana.feed().await[0]["comments_count"], count - 1);
        ana.comment(&post, "so true").await;
    }
}

#[tokio::test]
async fn a_count_of_the_predecessor_is_a_number_from_then_on() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    for (old, count) in [(Bson::Double(2.0), 3), (Bson::Null, 1)] {
        let post = ana.publish("hi").await;
        let id = planted::id(&post);
        let set = doc! { "$set": { "comments_count": old } };
        let posts = planted::posts(&stack);
        posts.update_one(doc! { "_id": id }, set).await.unwrap();
        ana.comment(&post, "one").await;
        let stored = posts.find_one(doc! { "_id": id }).await.unwrap().unwrap();
        assert_eq!(stored.get_i64("comments_count").unwrap(), count);
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_and_changes_nothing() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let many = |count: usize| -> String {
        let words: Vec<String> = (0..count).map(|n| format!("@name{n}")).collect();
        words.join(" ")
    };
    for (body, field) in [
        (json!({}), "content"),
        (json!({ "content": null }), "content"),
        (json!({ "content": "" }), "content"),
        (json!({ "content": " \n" }), "content"),
        (json!({ "content": "a\u{0}b" }), "content"),
        (json!({ "content": "a".repeat(CAPTION_MAX + 1) }), "content"),
        (json!({ "content": many(21) }), "content"),
        (json!({ "content": 1 }), "content"),
        (json!({ "content": "a", "parent_id": "x" }), "parent_id"),
        (json!({ "content": "a", "parent_id": 1 }), "parent_id"),
        (json!({ "content": "a", "user_id": ana.id }), "user_id"),
    ] {
        let refused = ana.post(&comments_path(&post), &body).await;
        let problem = refused.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, [field], "{body}");
    }
    let longest = "ä".repeat(CAPTION_MAX);
    ana.comment(&post, &longest).await;
    let shown = ana.get(&path(&post)).await.expect(200);
    assert_eq!(shown["comments_count"], 1);
}

#[tokio::test]
async fn only_what_is_there_is_commented_on() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let (post, other, gone) = (
        ana.publish("one").await,
        ana.publish("two").await,
        ana.publish("three").await,
    );
    let (comment, lost) = (bo.comment(&post, "a").await, bo.comment(&post, "b").await);
    let reply = bo.reply(&comment, "c").await;
    let reply_to_lost = bo.reply(&lost, "d").await;
    ana.delete(&path(&gone)).await.expect(204);
    bo.delete(&comment_path(&lost)).await.expect(204);

    let body = |parent: &Value| json!({ "content": "hi", "parent_id": parent });
    let nowhere = "000000000000000000000000";
    for (path, parent, status, code) in [
        (comments_path(&gone), &Value::Null, 404, "post_not_found"),
        (
            format!("/api/posts/{nowhere}/comments"),
            &Value::Null,
            404,
            "post_not_found",
        ),
        (
            "/api/posts/x/comments".to_owned(),
            &Value::Null,
            404,
            "post_not_found",
        ),
        (
            comments_path(&post),
            &nowhere.into(),
            404,
            "comment_not_found",
        ),
        (comments_path(&post), &post["_id"], 404, "comment_not_found"),
        (
            comments_path(&other),
            &comment["_id"],
            404,
            "comment_not_found",
        ),
        (comments_path(&post), &lost["_id"], 404, "comment_not_found"),
        (
            comments_path(&post),
            &reply_to_lost["_id"],
            404,
            "comment_not_found",
        ),
        (comments_path(&post), &reply["_id"], 422, "reply_too_deep"),
    ] {
        let refused = ana.post(&path, &body(parent)).await;
        refused.expect_problem(status, code);
    }
    // What bo says is not for ana's eyes any more, nor to be answered.
    ana.block(&bo).await;
    let refused = ana
        .post(&comments_path(&post), &body(&comment["_id"]))
        .await;
    refused.expect_problem(404, "comment_not_found");
    let refused = bo.post(&comments_path(&post), &body(&Value::Null)).await;
    refused.expect_problem(404, "post_not_found");
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_whatever_became_of_the_comment() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let (post, other) = (ana.publish("one").await, ana.publish("two").await);
    let body = json!({ "content": "hi", "parent_id": null });
    let first = create(&ana, &post, "k1", &body).await;
    let comment = first.expect(201);
    let again = create(&ana, &post, "k1", &json!({ "content": "hi" })).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    ana.delete(&comment_path(&comment)).await.expect(204);
    ana.delete(&path(&post)).await.expect(204);
    let again = create(&ana, &post, "k1", &body).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    for (post, body) in [(&post, json!({ "content": "ho" })), (&other, body)] {
        let refused = create(&ana, post, "k1", &body).await;
        refused.expect_problem(422, "idempotency_key_reused");
    }
}

#[tokio::test]
async fn the_same_request_many_times_at_once_makes_one_comment() {
    let stack = patient().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let body = json!({ "content": "hi" });
    for (key, count) in [("k1", 1), ("k2", 2)] {
        let answers = join_all((0..12).map(|_| create(&ana, &post, key, &body))).await;
        for answer in &answers {
            answer.expect(201);
            assert_eq!(answer.body, answers[0].body);
        }
        assert_eq!(ana.list(&comments_path(&post)).await.len(), count);
        let shown = ana.get(&path(&post)).await.expect(200);
        assert_eq!(shown["comments_count"], count);
    }
}

#[tokio::test]
async fn each_is_told_once_by_the_nearest_reason() {
    let stack = Stack::start().await;
    let notifications = Notifications::of(stack.sandbox()).await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let post = ana.publish("hi").await;
    let comment = bo.comment(&post, "one").await;
    let names = format!("@{} @{} @{}", ana.username, bo.username, cy.username);
    let reply = cy.reply(&comment, &names).await;
    // Nobody is told of what they say themselves.
    ana.comment(&post, &format!("@{}", cy.username)).await;

    let ids = |user: &User, kind| -> Vec<String> {
        let told = notifications.told(user, kind).into_iter();
        told.map(|it| it.comment_id).collect()
    };
    let id = |comment: &Value| comment["_id"].as_str().unwrap().to_owned();
    let all = [
        NotificationKind::Comment,
        NotificationKind::Reply,
        NotificationKind::Mention,
    ];
    eventually(SOON, async || {
        let told = [&ana, &bo, &cy].map(|user| all.map(|kind| ids(user, kind).len()));
        told == [[2, 0, 0], [0, 1, 0], [0, 0, 1]]
    })
    .await;
    assert_eq!(
        ids(&ana, NotificationKind::Comment),
        [id(&comment), id(&reply)]
    );
    assert_eq!(ids(&bo, NotificationKind::Reply), [id(&reply)]);
}
