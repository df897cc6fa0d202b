use bson::{Document, doc};
use testkit::Stack;

use crate::{auth, user};

async fn set(stack: &Stack, username: &str, change: Document) {
    let users = stack.mongodb().collection::<Document>("users");
    let filter = doc! { "username_lower": username };
    let result = users
        .update_one(filter, doc! { "$set": change })
        .await
        .unwrap();
    assert_eq!(result.matched_count, 1);
}

#[tokio::test]
async fn an_account_is_found_by_id_and_by_name_in_any_case() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    for path in [
        format!("/api/users/{}", bo.id),
        format!("/api/users/@{}", bo.username),
        format!("/api/users/@{}", bo.username.to_uppercase()),
    ] {
        let shown = ana.get(&path).await.expect(200);
        assert_eq!(shown["_id"], bo.id.as_str());
        assert_eq!(shown["relation"]["following"], false);
        for private in [
            "email",
            "dob",
            "password",
            "settings",
            "role",
            "isShadowBanned",
        ] {
            assert!(shown.get(private).is_none(), "{private} is shown");
        }
    }
}

#[tokio::test]
async fn who_is_not_there_is_not_found() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    for nobody in [
        "@nobody",
        "@",
        "nobody",
        "000000000000000000000000",
        "%7B%22$ne%22:1%7D",
        "@%00",
    ] {
        ana.get(&format!("/api/users/{nobody}"))
            .await
            .expect_problem(404, "user_not_found");
    }
}

#[tokio::test]
async fn who_is_hidden_is_there_for_nobody_but_themselves() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let path = format!("/api/users/{}", bo.id);
    set(&stack, &bo.username, doc! { "isShadowBanned": true }).await;
    ana.get(&path).await.expect_problem(404, "user_not_found");
    bo.get(&path).await.expect(200);
    set(
        &stack,
        &bo.username,
        doc! { "isShadowBanned": false, "status": "suspended" },
    )
    .await;
    ana.get(&path).await.expect_problem(404, "user_not_found");
}

#[tokio::test]
async fn an_old_document_with_holes_is_shown_with_defaults() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let users = stack.mongodb().collection::<Document>("users");
    users.insert_one(doc! { "username": "Old", "username_lower": "old", "bio": null, "followers_count": 2.0, "__v": 0 }).await.unwrap();
    let shown = ana.get("/api/users/@old").await.expect(200);
    assert_eq!(
        (&shown["username"], &shown["bio"], &shown["followers_count"]),
        (&"Old".into(), &"".into(), &2.into())
    );
    assert!(shown["created_at"].is_string());
}
