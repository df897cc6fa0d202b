use futures_util::future::join;
use serde_json::{Value, json};
use testkit::Stack;

use crate::{path, planted};

#[tokio::test]
async fn any_subset_is_changed_and_the_rest_stays() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let body = json!({ "content": "#one @ana_x", "media_urls": ["/media/1"], "location": "Here" });
    let before = ana.post("/api/posts", &body).await.expect(201);
    let path = path(&before);

    let moved = ana
        .patch(&path, &json!({ "location": "There" }))
        .await
        .expect(200);
    assert!(moved["edited_at"].is_string());
    let mut expected = before.clone();
    expected["location"] = "There".into();
    expected["edited_at"] = moved["edited_at"].clone();
    assert_eq!(moved, expected);

    let retold = ana
        .patch(&path, &json!({ "caption": " #two " }))
        .await
        .expect(200);
    assert_eq!(
        (
            &retold["caption"],
            &retold["hashtags"],
            &retold["mentions"],
            &retold["location"]
        ),
        (&"#two".into(), &json!(["two"]), &json!([]), &"There".into())
    );
    let bare = json!({ "caption": "", "location": null });
    let bare = ana.patch(&path, &bare).await.expect(200);
    assert_eq!(
        (&bare["caption"], &bare["location"]),
        (&"".into(), &Value::Null)
    );
    assert_eq!(ana.get(&path).await.expect(200), bare);
}

#[tokio::test]
async fn what_changes_nothing_is_no_edit() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    for body in [
        json!({}),
        json!({ "caption": "hi" }),
        json!({ "location": null }),
    ] {
        assert_eq!(ana.patch(&path(&post), &body).await.expect(200), post);
    }
}

#[tokio::test]
async fn what_breaks_a_rule_changes_nothing() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    for (body, field) in [
        (json!({ "caption": "" }), "caption"),
        (json!({ "caption": "x".repeat(2_201) }), "caption"),
        (json!({ "caption": "fine", "location": "" }), "location"),
        (json!({ "location": 1 }), "location"),
        (json!({ "content": "x" }), "content"),
        (json!({ "media_urls": [] }), "media_urls"),
        (json!({ "likes_count": 7 }), "likes_count"),
    ] {
        let refused = ana.patch(&path(&post), &body).await;
        let problem = refused.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, [field], "{body}");
    }
    assert_eq!(ana.get(&path(&post)).await.expect(200), post);
}

#[tokio::test]
async fn a_delete_at_the_same_time_wins() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    for n in 0..10 {
        let post = path(&ana.publish("hi").await);
        let edit = json!({ "caption": n.to_string() });
        let (edited, deleted) = join(ana.patch(&post, &edit), ana.delete(&post)).await;
        deleted.expect(204);
        assert!([200, 404].contains(&edited.status), "{edited:?}");
        ana.get(&post).await.expect_problem(404, "post_not_found");
    }
    assert_eq!(planted::count(&stack, &ana).await, Some((0, 20)));
}
