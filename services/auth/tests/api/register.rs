use bson::{Document, doc};
use serde_json::json;
use testkit::registration;

use crate::{auth, documents, user};

#[tokio::test]
async fn an_account_is_made_and_logged_in() {
    let stack = auth().await;
    let body = registration("ana");
    let answer = stack.insider().post("/api/auth/register", &body).await;
    let answer = answer.expect(201);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["user"]["username"], body["username"]);
    for private in ["password", "isShadowBanned", "email_lower"] {
        assert!(answer["user"].get(private).is_none(), "{private} is shown");
    }
    let token = answer["token"].as_str().unwrap();
    let me = stack.insider().with_token(token).get("/api/auth/me").await;
    assert_eq!(me.expect(200)["_id"], answer["user"]["_id"]);
}

#[tokio::test]
async fn the_password_is_stored_as_argon2id_and_the_session_beside_the_account() {
    let stack = auth().await;
    user(&stack, "ana").await;
    let users = stack.mongodb().collection::<Document>("users");
    let user = users.find_one(doc! {}).await.unwrap().unwrap();
    assert!(user.get_str("password").unwrap().starts_with("$argon2id$"));
    let sessions = stack.mongodb().collection::<Document>("sessions");
    let session = sessions.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(
        session.get_object_id("user_id").unwrap(),
        user.get_object_id("_id").unwrap()
    );
}

#[tokio::test]
async fn a_taken_email_or_username_is_a_conflict_in_any_case() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let mut same_email = registration("bo");
    same_email["email"] = json!(ana.email.to_uppercase());
    let refused = stack
        .insider()
        .post("/api/auth/register", &same_email)
        .await;
    refused.expect_problem(409, "email_taken");
    let mut same_name = registration("bo");
    same_name["username"] = json!(ana.username);
    let refused = stack.insider().post("/api/auth/register", &same_name).await;
    refused.expect_problem(409, "username_taken");
}

#[tokio::test]
async fn of_many_at_once_one_gets_the_name_and_the_others_leave_nothing() {
    let stack = auth().await;
    let attempts = (0..8).map(|_| {
        let door = stack.insider();
        let mut body = registration("ana");
        body["username"] = json!("ana");
        async move { door.post("/api/auth/register", &body).await.status }
    });
    let mut answers = futures_util::future::join_all(attempts).await;
    answers.sort_unstable();
    assert_eq!(answers, [201, 409, 409, 409, 409, 409, 409, 409]);
    for collection in ["users", "sessions"] {
        let documents = stack.mongodb().collection::<Document>(collection);
        assert_eq!(
            documents.count_documents(doc! {}).await.unwrap(),
            1,
            "{collection}"
        );
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_named_at_once() {
    let stack = auth().await;
    let body = json!({
        "email": "nobody", "password": "short", "username": "No Spaces",
        "full_name": " ", "dob": "yesterday",
    });
    let refused = stack.insider().post("/api/auth/register", &body).await;
    let problem = refused.expect_problem(422, "validation_failed");
    assert_eq!(
        problem.fields,
        ["email", "username", "password", "full_name", "dob"]
    );
}

#[tokio::test]
async fn whoever_is_too_young_is_refused_until_the_birthday() {
    let stack = auth().await;
    let mut body = registration("kid");
    // Thirteen tomorrow, by the clock of the stack.
    let tomorrow = {
        use runtime::Clock;
        let day = std::time::Duration::from_hours(24);
        stack.clock().now().plus(day).date()
    };
    body["dob"] = json!(tomorrow.to_string().replacen(
        &tomorrow.year().to_string(),
        &(tomorrow.year() - 13).to_string(),
        1
    ));
    let refused = stack.insider().post("/api/auth/register", &body).await;
    assert_eq!(
        refused.expect_problem(422, "validation_failed").fields,
        ["dob"]
    );
    stack.clock().advance(std::time::Duration::from_hours(24));
    stack
        .insider()
        .post("/api/auth/register", &body)
        .await
        .expect(201);
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_login_again() {
    let stack = auth().await;
    let body = registration("ana");
    let door = stack.insider().with_header("idempotency-key", "a-key");
    let first = door.post("/api/auth/register", &body).await.expect(201);
    let again = door.post("/api/auth/register", &body).await.expect(201);
    assert_eq!(again["token"], first["token"]);
    assert_eq!(again["user"]["_id"], first["user"]["_id"]);
    for collection in ["users", "sessions", "auth_idempotency"] {
        let stored = documents(&stack, collection, doc! {}).await;
        assert_eq!(stored.len(), 1, "{collection}");
        // Nobody who reads the database can log in with what is there.
        let token = first["token"].as_str().unwrap();
        assert!(!format!("{stored:?}").contains(token));
    }
}

#[tokio::test]
async fn repeated_requests_at_once_make_one_account() {
    let stack = auth().await;
    let body = registration("ana");
    let attempts = (0..4).map(|_| {
        let (door, body) = (stack.insider(), body.clone());
        let door = door.with_header("idempotency-key", "a-key");
        async move { door.post("/api/auth/register", &body).await.expect(201) }
    });
    let answers = futures_util::future::join_all(attempts).await;
    assert!(answers.iter().all(|it| it["token"] == answers[0]["token"]));
}

#[tokio::test]
async fn a_key_is_good_for_one_request_of_whoever_knows_the_password() {
    let stack = auth().await;
    let body = registration("ana");
    let door = stack.insider().with_header("idempotency-key", "a-key");
    door.post("/api/auth/register", &body).await.expect(201);
    let mut other = body.clone();
    other["full_name"] = json!("Somebody else");
    let refused = door.post("/api/auth/register", &other).await;
    refused.expect_problem(422, "idempotency_key_reused");
    let mut thief = body.clone();
    thief["password"] = json!("correct horse stapler");
    let refused = door.post("/api/auth/register", &thief).await;
    refused.expect_problem(409, "email_taken");
    let other_key = door.clone().with_header("idempotency-key", "b-key");
    let refused = other_key.post("/api/auth/register", &body).await;
    refused.expect_problem(409, "email_taken");
    // The same key of somebody else is another one.
    door.post("/api/auth/register", &registration("bo"))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_password_that_everybody_has_or_that_is_the_name_is_refused() {
    let stack = auth().await;
    let mut body = registration("ana");
    for weak in [
        body["username"].clone(),
        body["email"].clone(),
        json!("sunshine1"),
    ] {
        body["password"] = weak;
        let refused = stack.insider().post("/api/auth/register", &body).await;
        let problem = refused.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, ["password"]);
    }
}
