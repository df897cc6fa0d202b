//! People who come with a token of the predecessor.

use serde_json::{Value, json};
use testkit::{Client, Stack, User, predecessor_token};

const SECRET: &str = "what the old backend signed with";

async fn stack() -> Stack {
    let stack = Stack::builder().setting("predecessor-token-secret", SECRET);
    stack.start().await
}

/// `user` with a token that the predecessor gave them `seconds` ago.
fn with_an_old_token(stack: &Stack, user: &User, seconds: i64) -> Client {
    let issued_at = runtime::Clock::now(stack.clock()).as_secs() - seconds;
    let claims = json!({ "userId": user.id, "iat": issued_at });
    let token = predecessor_token(SECRET, &claims);
    stack.anonymous().with_token(&token)
}

async fn sessions(client: &Client) -> Vec<Value> {
    let list = client.get("/api/auth/sessions").await.expect(200);
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_old_token_is_a_login_of_its_own_in_every_service() {
    let stack = stack().await;
    let ana = stack.user("ana").await;
    let old = with_an_old_token(&stack, &ana, 60);
    assert_eq!(old.get("/api/auth/me").await.expect(200)["_id"], ana.id);
    let post = json!({ "content": "still here" });
    let post = old.post("/api/posts", &post).await.expect(201);
    assert_eq!(post["user_id"], ana.id);
    // However often it is shown, and to whichever gateway.
    assert_eq!(sessions(&old).await.len(), 2);
}

#[tokio::test]
async fn logging_out_ends_an_old_token_for_good() {
    let stack = stack().await;
    let ana = stack.user("ana").await;
    let old = with_an_old_token(&stack, &ana, 60);
    assert_eq!(old.post_empty("/api/auth/logout").await.status, 204);
    old.get("/api/auth/me")
        .await
        .expect_problem(401, "session_revoked");
    ana.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn what_ends_all_logins_ends_old_tokens_that_were_never_shown() {
    let stack = stack().await;
    let ana = stack.user("ana").await;
    let shown = with_an_old_token(&stack, &ana, 60);
    let not_shown = with_an_old_token(&stack, &ana, 120);
    shown.get("/api/auth/me").await.expect(200);
    let ended = ana.post_empty("/api/auth/logout-all").await;
    assert_eq!(ended.status, 204);
    for ended in [shown, not_shown] {
        ended
            .get("/api/auth/me")
            .await
            .expect_problem(401, "session_revoked");
    }
}
