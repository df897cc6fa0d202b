use bson::{Document, doc};
use serde_json::json;
use testkit::registration;

use crate::{auth, user};

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
