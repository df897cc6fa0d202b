//! Tokens of the predecessor, which get a login of ours at the door.

use std::time::Duration;

use domain::{SessionId, UserId};
use runtime::Clock;
use serde_json::json;
use sha2::{Digest, Sha256};
use testkit::predecessor_token;

use crate::support::{Stack, echoed, predecessor_session};

const SECRET: &str = "what the old backend signed with";

async fn stack() -> Stack {
    Stack::with(&[("--predecessor-token-secret", SECRET)]).await
}

/// One of the predecessor's, issued now, good for an hour, and the login that
/// auth will make for it.
fn old_token(stack: &Stack, secret: &str) -> (String, SessionId) {
    let now = stack.gateway.clock.now().as_secs();
    let claims = json!({ "userId": UserId::generate(), "iat": now, "exp": now + 3_600 });
    let token = predecessor_token(secret, &claims);
    let session = predecessor_session(&Sha256::digest(&token));
    (token, session)
}

#[tokio::test]
async fn an_old_token_is_exchanged_once_and_services_see_a_new_one() {
    let stack = stack().await;
    let (old, _) = old_token(&stack, SECRET);
    let user = stack.stranger().with_token(&old);
    let first = user.get("/api/auth/me").await.expect(200);
    let seen = echoed(&first, "authorization").unwrap();
    assert!(
        seen.starts_with("Bearer ") && !seen.contains(&old),
        "{seen}"
    );
    let again = user.get("/api/posts/feed").await.expect(200);
    assert_eq!(echoed(&again, "authorization").unwrap(), seen);
    assert_eq!(stack.auth.exchanges(), 1);
    // A token that is ours is nobody's to exchange.
    stack.user().get("/api/auth/me").await.expect(200);
    assert_eq!(stack.auth.exchanges(), 1);
}

#[tokio::test]
async fn many_requests_with_one_old_token_are_one_question() {
    let stack = stack().await;
    let (old, _) = old_token(&stack, SECRET);
    let user = stack.stranger().with_token(&old);
    let requests = (0..20).map(|_| async { user.get("/api/auth/me").await.status });
    let answers = futures_util::future::join_all(requests).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    assert_eq!(stack.auth.exchanges(), 1);
}

#[tokio::test]
async fn a_login_from_an_old_token_ends_like_any_other() {
    let stack = stack().await;
    let (old, session) = old_token(&stack, SECRET);
    let user = stack.stranger().with_token(&old);
    user.get("/api/auth/me").await.expect(200);
    stack.redis.revoke(session).await;
    user.get("/api/auth/me")
        .await
        .expect_problem(401, "session_revoked");

    let (other, session) = old_token(&stack, SECRET);
    stack.auth.end(session);
    stack
        .stranger()
        .with_token(&other)
        .get("/api/auth/me")
        .await
        .expect_problem(401, "session_revoked");
}

#[tokio::test]
async fn an_old_token_ends_at_its_time() {
    let stack = stack().await;
    let (old, _) = old_token(&stack, SECRET);
    let user = stack.stranger().with_token(&old);
    stack.gateway.clock.advance(Duration::from_secs(3_601));
    user.get("/api/auth/me")
        .await
        .expect_problem(401, "token_expired");
    assert_eq!(stack.auth.exchanges(), 0);
}

#[tokio::test]
async fn what_the_predecessor_has_not_signed_is_not_exchanged() {
    let stack = stack().await;
    let (forged, _) = old_token(&stack, "another secret");
    let answer = stack
        .stranger()
        .with_token(&forged)
        .get("/api/auth/me")
        .await;
    answer.expect_problem(401, "token_invalid");
    assert_eq!(stack.auth.exchanges(), 0);

    let without_a_secret = Stack::start().await;
    let (old, _) = old_token(&without_a_secret, SECRET);
    let user = without_a_secret.stranger().with_token(&old);
    user.get("/api/auth/me")
        .await
        .expect_problem(401, "token_invalid");
}

#[tokio::test]
async fn an_old_token_waits_for_auth_and_is_not_thrown_away() {
    let stack = stack().await;
    let (old, _) = old_token(&stack, SECRET);
    let user = stack.stranger().with_token(&old);
    stack.auth.fail(true);
    let answer = user.get("/api/auth/me").await;
    answer.expect_problem(503, "upstream_unavailable");
    stack.auth.fail(false);
    user.get("/api/auth/me").await.expect(200);
}
