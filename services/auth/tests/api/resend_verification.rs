use serde_json::json;
use testkit::eventually;

use crate::{SOON, auth, user};

const SUBJECT: &str = "Confirm your e-mail address";

#[tokio::test]
async fn another_mail_comes_and_both_links_are_good() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    stack.mail().letter(&ana.email, SUBJECT).await;
    let answer = ana.post_empty("/api/auth/email/resend").await;
    assert_eq!(answer.status, 202);
    let letters = || stack.mail().letters(&ana.email, SUBJECT);
    eventually(SOON, async || letters().len() == 2).await;
    for letter in letters() {
        let body = json!({ "token": letter.token() });
        let answer = stack.insider().post("/api/auth/email/verify", &body).await;
        assert_eq!(answer.status, 204);
    }
}

#[tokio::test]
async fn nobody_is_sent_more_than_some_in_an_hour() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    for _ in 0..5 {
        let answer = ana.post_empty("/api/auth/email/resend").await;
        assert_eq!(answer.status, 202);
    }
    let refused = ana.post_empty("/api/auth/email/resend").await;
    refused.expect_problem(429, "too_many_attempts");
}
