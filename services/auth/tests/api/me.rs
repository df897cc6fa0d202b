use std::time::Duration;

use bson::{Document, doc};

use crate::{auth, user};

#[tokio::test]
async fn the_own_account_has_what_others_do_not_see() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let me = ana.me().await;
    assert_eq!(me["email"], ana.email.as_str());
    assert_eq!(me["role"], "user");
    assert_eq!(me["settings"]["notifications"]["likes"], true);
    assert!(me.get("password").is_none());
}

#[tokio::test]
async fn a_token_ends_after_ninety_days() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    stack.clock().advance(Duration::from_hours(24 * 90 - 1));
    ana.get("/api/auth/me").await.expect(200);
    stack.clock().advance(Duration::from_hours(1));
    ana.get("/api/auth/me")
        .await
        .expect_problem(401, "token_expired");
}

#[tokio::test]
async fn a_suspended_account_does_not_see_itself() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let users = stack.mongodb().collection::<Document>("users");
    users
        .update_one(doc! {}, doc! { "$set": { "status": "suspended" } })
        .await
        .unwrap();
    ana.get("/api/auth/me")
        .await
        .expect_problem(403, "account_not_active");
}
