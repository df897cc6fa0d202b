use bson::doc;
use serde_json::json;
use testkit::eventually;

use crate::{SOON, auth, documents, user};

const SUBJECT: &str = "Choose a new password";

#[tokio::test]
async fn an_unknown_address_is_answered_like_a_known_one_and_gets_nothing() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let mut answers = Vec::new();
    for email in [ana.email.as_str(), "nobody@example.org", "no address"] {
        let body = json!({ "email": email });
        let door = stack.insider().with_header("x-request-id", "same");
        let answer = door.post("/api/auth/password/forgot", &body).await;
        answers.push((answer.status, answer.text()));
    }
    assert_eq!(answers[0].0, 202);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    stack.mail().letter(&ana.email, SUBJECT).await;
    // What was kept of the others is gone with the work.
    eventually(SOON, async || {
        documents(&stack, "mails", doc! {}).await.is_empty()
    })
    .await;
    assert!(
        stack
            .mail()
            .letters("nobody@example.org", SUBJECT)
            .is_empty()
    );
}

#[tokio::test]
async fn an_address_is_not_written_to_without_end() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    for email in [ana.email.as_str(), "nobody@example.org"] {
        let ask = async || {
            let body = json!({ "email": email });
            stack
                .insider()
                .post("/api/auth/password/forgot", &body)
                .await
        };
        for _ in 0..5 {
            assert_eq!(ask().await.status, 202);
        }
        ask().await.expect_problem(429, "too_many_attempts");
    }
}
