use std::time::Duration;

use bson::doc;
use serde_json::json;
use testkit::{Letter, Response, Stack, User};

use crate::{auth, documents, user};

const NEW: &str = "correct horse stapler";

/// The token of a mail that somebody asks for who has forgotten a password.
async fn forgotten(stack: &Stack, ana: &User) -> String {
    let before = stack.mail().letters(&ana.email, "Choose a new password");
    let body = json!({ "email": ana.email.to_uppercase() });
    let answer = stack
        .insider()
        .post("/api/auth/password/forgot", &body)
        .await;
    assert_eq!((answer.status, answer.text().as_str()), (202, ""));
    let fresh = async || {
        let letters = stack.mail().letters(&ana.email, "Choose a new password");
        let mut tokens = letters.iter().map(Letter::token);
        tokens.find(|token| before.iter().all(|it| it.token() != *token))
    };
    testkit::eventually_some(crate::SOON, fresh).await
}

async fn reset(stack: &Stack, token: &str, new: &str) -> Response {
    let body = json!({ "token": token, "new_password": new });
    stack
        .insider()
        .post("/api/auth/password/reset", &body)
        .await
}

async fn log_in(stack: &Stack, ana: &User, password: &str) -> u16 {
    let body = json!({ "email": ana.email, "password": password });
    stack.insider().post("/api/auth/login", &body).await.status
}

#[tokio::test]
async fn whoever_reads_the_mail_chooses_a_new_password_and_all_devices_are_logged_out() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let token = forgotten(&stack, &ana).await;
    assert_eq!(reset(&stack, &token, NEW).await.status, 204);
    assert!(
        documents(&stack, "sessions", doc! { "revoked_at": null })
            .await
            .is_empty()
    );
    assert_eq!(log_in(&stack, &ana, &ana.password).await, 401);
    assert_eq!(log_in(&stack, &ana, NEW).await, 200);
    // They have shown, too, that the address is theirs.
    let users = documents(&stack, "users", doc! {}).await;
    assert!(users[0].get_datetime("email_verified_at").is_ok());
    stack
        .mail()
        .letter(&ana.email, "Your password was changed")
        .await;
}

#[tokio::test]
async fn a_token_is_good_once_and_the_others_go_with_it() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let tokens = [forgotten(&stack, &ana).await, forgotten(&stack, &ana).await];
    let attempts = (0..4).map(async |_| reset(&stack, &tokens[0], NEW).await.status);
    let mut answers = futures_util::future::join_all(attempts).await;
    answers.sort_unstable();
    assert_eq!(answers, [204, 422, 422, 422]);
    let refused = reset(&stack, &tokens[1], NEW).await;
    refused.expect_problem(422, "invalid_token");
}

#[tokio::test]
async fn a_token_ends_after_an_hour() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let token = forgotten(&stack, &ana).await;
    stack.clock().advance(Duration::from_mins(61));
    let refused = reset(&stack, &token, NEW).await;
    refused.expect_problem(422, "invalid_token");
    assert_eq!(log_in(&stack, &ana, &ana.password).await, 200);
}

#[tokio::test]
async fn a_weak_password_is_refused_and_the_token_stays_good() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let token = forgotten(&stack, &ana).await;
    for weak in ["short", "password123", &ana.username, &ana.email] {
        let refused = reset(&stack, &token, weak).await;
        let problem = refused.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, ["new_password"], "{weak}");
    }
    assert_eq!(reset(&stack, &token, NEW).await.status, 204);
}
