use serde_json::{Value, json};

use crate::{auth, user};

const PATH: &str = "/api/users/me";

#[tokio::test]
async fn any_subset_is_changed_and_the_rest_stays() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let before = ana.me().await;
    let changed = ana
        .patch(PATH, &json!({ "bio": "hello\nworld", "is_private": true }))
        .await
        .expect(200);
    assert_eq!(
        (&changed["bio"], &changed["is_private"]),
        (&"hello\nworld".into(), &true.into())
    );
    assert_eq!(changed["full_name"], before["full_name"]);
    assert_eq!(ana.me().await, changed);
    assert_eq!(ana.patch(PATH, &json!({})).await.expect(200), changed);
}

#[tokio::test]
async fn the_picture_is_set_kept_and_taken_away() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let url = "https://img.example/ana.png";
    let patch = async |body: Value| ana.patch(PATH, &body).await.expect(200)["avatar_url"].clone();
    assert_eq!(patch(json!({ "avatar_url": url })).await, url);
    assert_eq!(patch(json!({ "bio": "x" })).await, url);
    assert_eq!(patch(json!({ "avatar_url": null })).await, Value::Null);
}

#[tokio::test]
async fn settings_change_by_group() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let privacy = json!({ "show_online": false, "allow_messages": true });
    let changed = ana
        .patch(PATH, &json!({ "settings": { "privacy": privacy } }))
        .await
        .expect(200);
    assert_eq!(changed["settings"]["privacy"], privacy);
    assert_eq!(changed["settings"]["notifications"]["likes"], true);
    let limited = ana
        .patch(
            PATH,
            &json!({ "settings": { "limits": { "daily_minutes": 30 } } }),
        )
        .await
        .expect(200);
    assert_eq!(limited["settings"]["privacy"], privacy);
    assert_eq!(limited["settings"]["limits"]["daily_minutes"], 30);
}

#[tokio::test]
async fn a_new_username_is_found_and_the_old_one_is_free() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.patch(PATH, &json!({ "username": "renamed" }))
        .await
        .expect(200);
    assert_eq!(
        bo.get("/api/users/@renamed").await.expect(200)["_id"],
        ana.id.as_str()
    );
    bo.patch(PATH, &json!({ "username": "renamed" }))
        .await
        .expect_problem(409, "username_taken");
    bo.patch(PATH, &json!({ "username": ana.username }))
        .await
        .expect(200);
}

#[tokio::test]
async fn what_breaks_a_rule_changes_nothing() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let before = ana.me().await;
    for (body, field) in [
        (json!({ "bio": "fine", "full_name": "" }), "full_name"),
        (json!({ "bio": "x".repeat(501) }), "bio"),
        (json!({ "avatar_url": "javascript:alert(1)" }), "avatar_url"),
        (json!({ "username": "A" }), "username"),
        (json!({ "is_private": "yes" }), "is_private"),
        (
            json!({ "settings": { "privacy": { "show_online": true } } }),
            "settings.privacy",
        ),
        (json!({ "email": "other@example.org" }), "email"),
        (json!({ "role": "admin" }), "role"),
        (json!({ "bio": { "$set": 1 } }), "bio"),
    ] {
        let problem = ana
            .patch(PATH, &body)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, [field], "{body}");
    }
    assert_eq!(ana.me().await, before);
}
