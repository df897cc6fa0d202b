use std::time::{Duration, Instant};

use bson::{Document, doc};
use serde_json::json;
use testkit::Stack;

use crate::{auth, user};

#[tokio::test]
async fn email_and_password_log_in_whatever_the_case_of_the_email() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let body = json!({ "email": ana.email.to_uppercase(), "password": ana.password });
    let answer = stack
        .insider()
        .post("/api/auth/login", &body)
        .await
        .expect(200);
    assert_eq!(answer["user"]["_id"], ana.id.as_str());
    assert_ne!(answer["token"], ana.token.as_str());
}

#[tokio::test]
async fn the_account_is_shown_with_what_it_did_a_moment_ago() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.follow(&bo).await;
    let body = json!({ "email": ana.email, "password": ana.password });
    let answer = stack.insider().post("/api/auth/login", &body).await;
    assert_eq!(answer.expect(200)["user"]["following_count"], 1);
}

#[tokio::test]
async fn an_unknown_email_and_a_wrong_password_cannot_be_told_apart() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let mut answers = Vec::new();
    for email in [ana.email.as_str(), "nobody@example.org"] {
        let started = Instant::now();
        let body = json!({ "email": email, "password": "not the password" });
        let refused = stack
            .insider()
            .with_header("x-request-id", "same")
            .post("/api/auth/login", &body)
            .await;
        refused.expect_problem(401, "invalid_credentials");
        // The default floor under every failure; above it nothing is promised.
        assert!(started.elapsed() >= Duration::from_millis(400));
        answers.push(refused.text());
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_hash_of_the_predecessor_is_taken_once_and_replaced() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let users = stack.mongodb().collection::<Document>("users");
    let old = bcrypt::hash("predecessor's", 4)
        .unwrap()
        .replacen("$2b$", "$2a$", 1);
    let filter = doc! { "email_lower": ana.email.to_lowercase() };
    users
        .update_one(filter.clone(), doc! { "$set": { "password": &old } })
        .await
        .unwrap();

    let body = json!({ "email": ana.email, "password": "predecessor's" });
    stack
        .insider()
        .post("/api/auth/login", &body)
        .await
        .expect(200);
    let user = users.find_one(filter).await.unwrap().unwrap();
    assert!(user.get_str("password").unwrap().starts_with("$argon2id$"));
    stack
        .insider()
        .post("/api/auth/login", &body)
        .await
        .expect(200);
    let former = json!({ "email": ana.email, "password": ana.password });
    stack
        .insider()
        .post("/api/auth/login", &former)
        .await
        .expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_suspended_account_cannot_log_in_and_learns_why_only_with_its_password() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let users = stack.mongodb().collection::<Document>("users");
    users
        .update_one(doc! {}, doc! { "$set": { "status": "suspended" } })
        .await
        .unwrap();
    let right = json!({ "email": ana.email, "password": ana.password });
    stack
        .insider()
        .post("/api/auth/login", &right)
        .await
        .expect_problem(403, "account_not_active");
    let wrong = json!({ "email": ana.email, "password": "not the password" });
    stack
        .insider()
        .post("/api/auth/login", &wrong)
        .await
        .expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn the_session_knows_the_device() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let door = stack
        .insider()
        .with_header("user-agent", &"Anufy/2.0 ".repeat(50))
        .with_header("x-forwarded-for", "203.0.113.9");
    let body = json!({ "email": ana.email, "password": ana.password });
    door.post("/api/auth/login", &body).await.expect(200);
    let sessions = stack.mongodb().collection::<Document>("sessions");
    let session = sessions
        .find_one(doc! { "ip": "203.0.113.9" })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(session.get_str("user_agent").unwrap().len(), 256);
}

#[tokio::test]
async fn whoever_guesses_is_held_back_for_that_account_alone() {
    let mut builder = Stack::builder().without_gateway().without_posts();
    builder = builder.setting("login-attempts", "3");
    let stack = builder.setting("login-failure-time", "0s").start().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let log_in = async |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        stack.insider().post("/api/auth/login", &body).await
    };
    for _ in 0..2 {
        log_in(&ana.email, "a guess")
            .await
            .expect_problem(401, "invalid_credentials");
    }
    // The right password starts the count again.
    log_in(&ana.email, &ana.password).await.expect(200);
    for email in [ana.email.as_str(), "nobody@example.org"] {
        for _ in 0..3 {
            log_in(email, "a guess")
                .await
                .expect_problem(401, "invalid_credentials");
        }
        let held_back = log_in(email, "a guess").await;
        held_back.expect_problem(429, "too_many_attempts");
        let seconds: u64 = held_back.header("retry-after").unwrap().parse().unwrap();
        assert!((890..=900).contains(&seconds), "{seconds}");
    }
    log_in(&ana.email.to_uppercase(), &ana.password)
        .await
        .expect_problem(429, "too_many_attempts");
    log_in(&bo.email, &bo.password).await.expect(200);
}

#[tokio::test]
async fn whoever_tries_many_accounts_is_held_back_where_they_come_from() {
    let mut builder = Stack::builder().without_gateway().without_posts();
    builder = builder.setting("address-failures", "3");
    let stack = builder.setting("login-failure-time", "0s").start().await;
    let ana = user(&stack, "ana").await;
    let log_in = async |address: &str, email: &str, password: &str| {
        let door = stack.insider().with_header("x-forwarded-for", address);
        let body = json!({ "email": email, "password": password });
        door.post("/api/auth/login", &body).await
    };
    let here = "203.0.113.9";
    // Who gets it right is no guesser.
    for _ in 0..4 {
        log_in(here, &ana.email, &ana.password).await.expect(200);
    }
    for email in ["a@example.org", "b@example.org", "c@example.org"] {
        let refused = log_in(here, email, "a guess").await;
        refused.expect_problem(401, "invalid_credentials");
    }
    let refused = log_in(here, &ana.email, &ana.password).await;
    refused.expect_problem(429, "too_many_attempts");
    let elsewhere = "203.0.113.10";
    log_in(elsewhere, &ana.email, &ana.password)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_password_that_would_keep_a_core_busy_is_not_hashed() {
    let stack = auth().await;
    let body = json!({ "email": "a@example.org", "password": "x".repeat(2_000) });
    let refused = stack.insider().post("/api/auth/login", &body).await;
    assert_eq!(
        refused.expect_problem(422, "validation_failed").fields,
        ["password"]
    );
}
