use std::time::Duration;

use bson::{Document, doc};
use serde_json::json;
use testkit::{Stack, User};

use crate::{auth, documents, user};

const SUBJECT: &str = "Confirm your e-mail address";

async fn is_verified(ana: &User) -> bool {
    let me = ana.get("/api/auth/me").await.expect(200);
    me["email_verified"].as_bool().unwrap()
}

#[tokio::test]
async fn whoever_registers_gets_a_mail_and_its_link_verifies_the_address() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    assert!(!is_verified(&ana).await);
    let letter = stack.mail().letter(&ana.email, SUBJECT).await;
    assert!(
        letter
            .text
            .starts_with(&format!("Hello @{},", ana.username))
    );
    assert!(
        letter
            .text
            .contains("https://anufy.example/verify-email?token=")
    );
    let body = json!({ "token": letter.token() });
    // Whoever clicks twice is told the same.
    for _ in 0..2 {
        let answer = stack.insider().post("/api/auth/email/verify", &body).await;
        assert_eq!(answer.status, 204);
        assert!(is_verified(&ana).await);
    }
}

#[tokio::test]
async fn the_database_does_not_know_the_token() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let token = stack.mail().letter(&ana.email, SUBJECT).await.token();
    assert!(token.len() >= 43);
    for collection in ["one_time_tokens", "mails"] {
        let stored = documents(&stack, collection, doc! {}).await;
        assert!(!format!("{stored:?}").contains(&token), "{collection}");
    }
}

#[tokio::test]
async fn a_token_that_is_old_or_made_up_or_for_something_else_is_refused() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let token = stack.mail().letter(&ana.email, SUBJECT).await.token();
    let reset = json!({ "token": &token, "new_password": "correct horse stapler" });
    let door = stack.insider();
    let refused = door.post("/api/auth/password/reset", &reset).await;
    refused.expect_problem(422, "invalid_token");
    let verify = async |token: &str| {
        let body = json!({ "token": token });
        door.post("/api/auth/email/verify", &body).await
    };
    for made_up in ["", "x", &"A".repeat(43)] {
        verify(made_up).await.expect_problem(422, "invalid_token");
    }
    stack.clock().advance(Duration::from_hours(73));
    verify(&token).await.expect_problem(422, "invalid_token");
    assert!(!is_verified(&ana).await);
}

#[tokio::test]
async fn whoever_guesses_tokens_is_held_back_where_they_come_from() {
    let builder = Stack::builder().without_gateway().without_posts();
    let stack = builder.setting("address-failures", "3").start().await;
    let guess = async |address: &str| {
        let body = json!({ "token": "a guess" });
        let door = stack.insider().with_header("x-forwarded-for", address);
        door.post("/api/auth/email/verify", &body).await
    };
    for host in 1..=3 {
        // A household has the whole of a /56.
        let refused = guess(&format!("2001:db8:1:100::{host}")).await;
        refused.expect_problem(422, "invalid_token");
    }
    let refused = guess("2001:db8:1:1ff::9").await;
    refused.expect_problem(429, "too_many_attempts");
    assert!(refused.header("retry-after").is_some());
    let other = guess("2001:db8:1:200::1").await;
    other.expect_problem(422, "invalid_token");
}

#[tokio::test]
async fn the_mail_waits_for_a_mail_server_that_is_down() {
    let builder = Stack::builder().without_gateway().without_posts();
    let stack = builder
        .setting("mail-url", "smtp://127.0.0.1:1")
        .start()
        .await;
    user(&stack, "ana").await;
    let mails = stack.mongodb().collection::<Document>("mails");
    testkit::eventually(crate::SOON, async || {
        let tried = mails.find_one(doc! { "attempts": { "$gte": 1 } }).await;
        tried.unwrap().is_some()
    })
    .await;
    // After a day nobody waits for it any more.
    stack.clock().advance(Duration::from_hours(25));
    testkit::eventually(crate::SOON, async || {
        documents(&stack, "mails", doc! {}).await.is_empty()
    })
    .await;
}
