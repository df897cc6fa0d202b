use bson::doc;
use serde_json::json;
use testkit::Stack;

use crate::{auth, documents, user};

const PATH: &str = "/api/auth/password";
const NEW: &str = "correct horse stapler";

#[tokio::test]
async fn the_other_devices_are_logged_out_and_this_one_is_not() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let elsewhere = ana.log_in_again().await;
    let body = json!({ "current_password": ana.password, "new_password": NEW });
    assert_eq!(ana.post(PATH, &body).await.status, 204);
    let alive = documents(&stack, "sessions", doc! { "revoked_at": null }).await;
    assert_eq!(alive.len(), 1);
    let sessions = ana.get("/api/auth/sessions").await.expect(200);
    assert_eq!(sessions["items"][0]["is_current"], true);
    assert_ne!(elsewhere.token, ana.token);
    let log_in = async |password: &str| {
        let body = json!({ "email": ana.email, "password": password });
        stack.insider().post("/api/auth/login", &body).await.status
    };
    assert_eq!(log_in(&ana.password).await, 401);
    assert_eq!(log_in(NEW).await, 200);
    stack
        .mail()
        .letter(&ana.email, "Your password was changed")
        .await;
}

#[tokio::test]
async fn whoever_does_not_know_the_password_cannot_change_it_or_guess_for_long() {
    let builder = Stack::builder().without_gateway().without_posts();
    let stack = builder.setting("login-attempts", "3").start().await;
    let ana = user(&stack, "ana").await;
    let wrong = json!({ "current_password": "a guess", "new_password": NEW });
    for _ in 0..3 {
        ana.post(PATH, &wrong)
            .await
            .expect_problem(403, "wrong_password");
    }
    ana.post(PATH, &wrong)
        .await
        .expect_problem(429, "too_many_attempts");
    // Guesses at the login count with them.
    let body = json!({ "email": ana.email, "password": ana.password });
    let held_back = stack.insider().post("/api/auth/login", &body).await;
    held_back.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn a_weak_new_password_is_refused() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    for weak in ["short", "iloveyou", &ana.username] {
        let body = json!({ "current_password": ana.password, "new_password": weak });
        let problem = ana
            .post(PATH, &body)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, ["new_password"], "{weak}");
    }
}

#[tokio::test]
async fn of_two_changes_at_once_one_holds() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let change = async |new: &str| {
        let body = json!({ "current_password": ana.password, "new_password": new });
        ana.post(PATH, &body).await.status
    };
    let (one, other) = tokio::join!(change("correct horse one"), change("correct horse two"));
    let mut answers = [one, other];
    answers.sort_unstable();
    assert_eq!(answers, [204, 403]);
}
