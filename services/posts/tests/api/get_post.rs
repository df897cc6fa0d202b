use bson::{doc, oid::ObjectId};
use testkit::Stack;

use crate::{path, planted};

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    for nothing in [
        "000000000000000000000000",
        "post",
        "%7B%22$ne%22:1%7D",
        &ana.id,
    ] {
        ana.get(&format!("/api/posts/{nothing}"))
            .await
            .expect_problem(404, "post_not_found");
    }
}

#[tokio::test]
async fn a_post_of_the_predecessor_is_shown_with_defaults() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let id = ObjectId::new();
    let old = doc! {
        "_id": id, "user_id": planted::oid(&ana), "caption": null, "likes_count": 3.0,
        "media_urls": ["https://img.example/1.jpg"], "media_type": "image", "__v": 0,
    };
    planted::posts(&stack).insert_one(old).await.unwrap();
    let shown = ana.get(&format!("/api/posts/{id}")).await.expect(200);
    assert_eq!(
        (&shown["caption"], &shown["likes_count"], &shown["hashtags"]),
        (&"".into(), &3.into(), &serde_json::json!([]))
    );
    assert!(shown["created_at"].is_string());
}

#[tokio::test]
async fn one_that_cannot_be_read_is_not_there() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let mut broken = planted::post(planted::oid(&ana), 1_000);
    broken.insert("media_urls", 7);
    let id = broken.get_object_id("_id").unwrap();
    planted::posts(&stack).insert_one(broken).await.unwrap();
    let post = ana.publish("fine").await;
    ana.get(&format!("/api/posts/{id}"))
        .await
        .expect_problem(404, "post_not_found");
    let feed = ana.feed().await;
    assert_eq!(crate::ids(&feed), [post["_id"].as_str().unwrap()]);
}

#[tokio::test]
async fn a_client_that_has_it_is_told_so() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = path(&ana.publish("hi").await);
    let shown = ana.get(&post).await;
    let tag = shown.header("etag").unwrap().to_owned();
    let again = ana
        .request(testkit::Method::GET, &post)
        .header("if-none-match", tag);
    assert_eq!(ana.send(again).await.status, 304);
}
