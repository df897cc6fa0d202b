use std::time::Duration;

use bson::{Document, doc};
use serde_json::{Value, json};
use testkit::{Method, Response, Stack, User, eventually};

use crate::{SOON, auth, counted, documents, stored_counts, user};

const DAY: Duration = Duration::from_hours(24);

async fn delete(ana: &User, password: &str) -> Response {
    let request = ana.request(Method::DELETE, "/api/auth/me");
    ana.send(request.json(&json!({ "password": password })))
        .await
}

async fn log_in(stack: &Stack, ana: &User) -> Response {
    let body = json!({ "email": ana.email, "password": ana.password });
    stack.insider().post("/api/auth/login", &body).await
}

async fn accounts(stack: &Stack) -> usize {
    documents(stack, "users", doc! {}).await.len()
}

/// Every document of the database that says anything of `text`.
async fn traces(stack: &Stack, text: &str) -> Vec<String> {
    let mut traces = Vec::new();
    for name in stack.mongodb().list_collection_names().await.unwrap() {
        for document in documents(stack, &name, doc! {}).await {
            let said = format!("{document:?}");
            if said.contains(text) {
                traces.push(format!("{name}: {said}"));
            }
        }
    }
    traces
}

#[tokio::test]
async fn a_deleted_account_is_gone_for_everybody_at_once() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.log_in_again().await;
    let answer = delete(&ana, &ana.password).await.expect(202);
    assert!(answer["erased_after"].is_string(), "{answer}");
    let path = format!("/api/users/{}", ana.id);
    bo.get(&path).await.expect_problem(404, "user_not_found");
    let alive = documents(&stack, "sessions", doc! { "revoked_at": null }).await;
    assert_eq!(alive.len(), 1);
    let refused = ana.get("/api/auth/me").await;
    refused.expect_problem(403, "account_not_active");
    let letter = stack.mail().letter(&ana.email, "Your account is deleted");
    let day = &answer["erased_after"].as_str().unwrap()[..10];
    assert!(letter.await.text.contains(day));
}

#[tokio::test]
async fn only_whoever_knows_the_password_deletes() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let refused = delete(&ana, "a guess").await;
    refused.expect_problem(403, "wrong_password");
    ana.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn logging_in_again_brings_everything_back() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    bo.follow(&ana).await;
    delete(&ana, &ana.password).await.expect(202);
    stack.clock().advance(29 * DAY);
    let wrong = json!({ "email": ana.email, "password": "a guess" });
    let refused = stack.insider().post("/api/auth/login", &wrong).await;
    refused.expect_problem(401, "invalid_credentials");
    let again = log_in(&stack, &ana).await.expect(200);
    assert_eq!(again["user"]["followers_count"], 1);
    let profile = bo.get(&format!("/api/users/{}", ana.id)).await.expect(200);
    assert_eq!(profile["relation"]["following"], true);
    // The token of before stays dead.
    let sessions = documents(&stack, "sessions", doc! { "revoked_at": null }).await;
    assert_eq!(sessions.len(), 2);
    // And the days are counted anew.
    stack.clock().advance(29 * DAY);
    log_in(&stack, &ana).await.expect(200);
}

#[tokio::test]
async fn after_the_grace_nothing_is_left_and_the_counters_of_others_are_right() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let cy = user(&stack, "cy").await;
    ana.follow(&bo).await;
    bo.follow(&ana).await;
    cy.follow(&ana).await;
    cy.follow(&bo).await;
    bo.block(&cy).await;
    ana.block(&cy).await;
    let report = json!({ "target_type": "user", "target_id": bo.id, "reason": "spam" });
    ana.post("/api/reports", &report).await.expect(202);
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &bo.id).await, (1, 1));

    delete(&ana, &ana.password).await.expect(202);
    stack.clock().advance(31 * DAY);
    eventually(SOON, async || accounts(&stack).await == 2).await;
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &bo.id).await, (0, 0));
    assert_eq!(stored_counts(&stack, &cy.id).await, (0, 0));
    // What waits for the broker is told and gone as well.
    eventually(SOON, async || traces(&stack, &ana.id).await.is_empty()).await;
    for personal in [&ana.username, &ana.email] {
        assert_eq!(traces(&stack, personal).await, Vec::<String>::new());
    }
    log_in(&stack, &ana)
        .await
        .expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn the_name_and_the_address_are_free_again() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    delete(&ana, &ana.password).await.expect(202);
    let body = json!({
        "email": ana.email, "username": ana.username, "password": ana.password,
        "full_name": "Another Ana", "dob": "1990-05-17",
    });
    let register = async || stack.insider().post("/api/auth/register", &body).await;
    assert_eq!(register().await.status, 409);
    stack.clock().advance(31 * DAY);
    eventually(SOON, async || accounts(&stack).await == 0).await;
    register().await.expect(201);
}

#[tokio::test]
async fn an_erasure_that_has_begun_cannot_be_taken_back() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    delete(&ana, &ana.password).await.expect(202);
    let users = stack.mongodb().collection::<Document>("users");
    let begun = doc! { "$set": { "erasure_began_at": bson::DateTime::now() } };
    users.update_one(doc! {}, begun).await.unwrap();
    log_in(&stack, &ana)
        .await
        .expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_celebrity_is_erased_in_many_small_steps() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let followers = crate::crowd(&stack, 450).await;
    let edges = followers.iter().map(|it| (it.id.clone(), ana.id.clone()));
    crate::plant(&stack, edges, "accepted").await;
    let users = stack.mongodb().collection::<Document>("users");
    let follows_one = doc! { "$set": { "following_count": 1_i64 } };
    let crowd = doc! { "username": { "$regex": "^u" } };
    users.update_many(crowd.clone(), follows_one).await.unwrap();
    delete(&ana, &ana.password).await.expect(202);
    stack.clock().advance(31 * DAY);
    eventually(SOON, async || accounts(&stack).await == 450).await;
    counted(&stack).await;
    assert!(documents(&stack, "follows", doc! {}).await.is_empty());
    let off = doc! { "following_count": { "$ne": 0_i64 } };
    assert_eq!(
        documents(&stack, "users", off).await,
        Vec::<Document>::new()
    );
}

#[tokio::test]
async fn a_replica_that_ended_in_the_middle_is_followed_by_one_that_goes_on() {
    let mut stack = auth().await;
    let ana = user(&stack, "ana").await;
    let followers = crate::crowd(&stack, 150).await;
    let edges = followers.iter().map(|it| (it.id.clone(), ana.id.clone()));
    crate::plant(&stack, edges, "accepted").await;
    delete(&ana, &ana.password).await.expect(202);
    stack.clock().advance(31 * DAY);
    let edges_left = async || documents(&stack, "follows", doc! {}).await.len();
    eventually(SOON, async || edges_left().await < 150).await;
    stack.stop_auth().await;
    stack.start_auth().await;
    eventually(SOON, async || accounts(&stack).await == 150).await;
    assert!(documents(&stack, "follows", doc! {}).await.is_empty());
}

#[tokio::test]
async fn the_body_is_not_optional() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let request = ana.request(Method::DELETE, "/api/auth/me");
    let refused = ana
        .send(request.json(&Value::Object(serde_json::Map::new())))
        .await;
    refused.expect_problem(422, "validation_failed");
}
