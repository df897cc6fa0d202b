use serde_json::{Value, json};
use testkit::Stack;

use crate::{path, planted};

#[tokio::test]
async fn a_post_is_shown_with_everything_that_clients_read() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let body = json!({
        "caption": " at the #Sea with @Bo.b. #sea #Straße ",
        "media_urls": ["https://img.example/1.jpg", "/media/2"],
        "location": " Rovinj ",
    });
    let post = ana.post("/api/posts", &body).await.expect(201);
    let me = ana.me().await;
    let expected = json!({
        "_id": post["_id"],
        "user_id": ana.id,
        "user": {
            "_id": ana.id, "username": ana.username, "full_name": me["full_name"],
            "avatar_url": null, "is_verified": false,
        },
        "caption": "at the #Sea with @Bo.b. #sea #Straße",
        "media_urls": ["https://img.example/1.jpg", "/media/2"],
        "media_type": "carousel",
        "likes_count": 0, "comments_count": 0, "saves_count": 0,
        "hashtags": ["sea", "strasse"],
        "mentions": ["bo.b"],
        "location": "Rovinj",
        "created_at": post["created_at"],
        "edited_at": null,
        "is_liked": false, "reaction": null, "is_saved": false,
    });
    assert_eq!(post, expected);
    assert_eq!(ana.get(&path(&post)).await.expect(200), expected);
    assert_eq!(ana.feed().await, [expected]);
}

#[tokio::test]
async fn the_text_may_be_called_content() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    for body in [
        json!({ "content": "hi" }),
        json!({ "content": "hi", "caption": "hi", "media_urls": null }),
    ] {
        let post = ana.post("/api/posts", &body).await.expect(201);
        assert_eq!(
            (&post["caption"], &post["media_type"]),
            (&"hi".into(), &"text".into())
        );
    }
}

#[tokio::test]
async fn what_breaks_a_rule_makes_no_post() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let tags: Vec<String> = (0..31).map(|n| format!("#t{n}")).collect();
    let urls = |count: usize| vec!["/media/x"; count];
    for (body, fields) in [
        (json!({}), &["content"][..]),
        (json!({ "content": " \n" }), &["content"]),
        (json!({ "content": "x".repeat(2_201) }), &["content"]),
        (json!({ "caption": "a\u{0}b" }), &["caption"]),
        (json!({ "content": "a", "caption": "b" }), &["content"]),
        (json!({ "content": tags.join(" ") }), &["content"]),
        (
            json!({ "media_urls": ["javascript:alert(1)"] }),
            &["media_urls[0]"],
        ),
        (json!({ "media_urls": urls(11) }), &["media_type"]),
        (
            json!({ "media_urls": urls(1), "media_type": "carousel" }),
            &["media_type"],
        ),
        (
            json!({ "content": "x", "media_urls": urls(1), "media_type": "text" }),
            &["media_type"],
        ),
        (
            json!({ "content": "x", "media_type": "video" }),
            &["media_type"],
        ),
        (json!({ "content": "x", "location": " " }), &["location"]),
        (
            json!({ "content": "x".repeat(2_201), "media_urls": ["ftp://x"], "location": "" }),
            &["content", "media_urls[0]", "location"],
        ),
        // Another shape.
        (json!({ "content": 1 }), &["content"]),
        (json!({ "content": { "$gt": "" } }), &["content"]),
        (
            json!({ "content": "x", "media_type": "gif" }),
            &["media_type"],
        ),
        (
            json!({ "content": "x", "media_urls": "/media/x" }),
            &["media_urls"],
        ),
        (
            json!({ "content": "x", "likes_count": 9 }),
            &["likes_count"],
        ),
        (json!({ "content": "x", "user_id": ana.id }), &["user_id"]),
    ] {
        let refused = ana.post("/api/posts", &body).await;
        let problem = refused.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, fields, "{body}");
    }
    ana.post("/api/posts", &json!(["x"]))
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!(ana.feed().await, Vec::<Value>::new());
    assert_eq!(planted::count(&stack, &ana).await, None);
}

#[tokio::test]
async fn an_author_whose_posts_were_never_counted_gets_all_of_them_counted() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    for millis in 1..=3 {
        let old = planted::post(planted::oid(&ana), millis);
        planted::posts(&stack).insert_one(old).await.unwrap();
    }
    ana.publish("new").await;
    assert_eq!(planted::count(&stack, &ana).await, Some((4, 1)));
}
