//! Sessions that have ended.

use std::time::Duration;

use domain::SessionId;
use testkit::eventually;

use crate::support::{SOON, Stack};

#[tokio::test]
async fn a_revoked_session_is_refused_at_once() {
    let stack = Stack::start().await;
    let (mine, other) = (SessionId::generate(), SessionId::generate());
    let (user, bystander) = (stack.user_in(mine), stack.user_in(other));
    user.get("/api/auth/me").await.expect(200);
    stack.redis.revoke(mine).await;
    let answer = user.get("/api/auth/me").await;
    answer.expect_problem(401, "session_revoked");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    bystander.get("/api/auth/me").await.expect(200);
    assert_eq!(stack.auth.session_checks(), 0);
}

#[tokio::test]
async fn auth_is_asked_while_redis_has_lost_its_memory() {
    let stack = Stack::start().await;
    let (mine, other) = (SessionId::generate(), SessionId::generate());
    stack.auth.end(mine);
    stack.redis.revoke(mine).await;
    let () = stack.redis.run(&["FLUSHDB"]).await;

    stack
        .user_in(mine)
        .get("/api/auth/me")
        .await
        .expect_problem(401, "session_revoked");
    stack.user_in(other).get("/api/auth/me").await.expect(200);
    assert_eq!(stack.auth.session_checks(), 2);

    stack.redis.set_loaded().await;
    stack.user_in(other).get("/api/auth/me").await.expect(200);
    assert_eq!(stack.auth.session_checks(), 2);
}

#[tokio::test]
async fn what_auth_says_is_believed_for_less_than_a_second() {
    let stack = Stack::start().await;
    let () = stack.redis.run(&["FLUSHDB"]).await;
    let session = SessionId::generate();
    let user = stack.user_in(session);
    user.get("/api/auth/me").await.expect(200);
    user.get("/api/auth/me").await.expect(200);
    assert_eq!(stack.auth.session_checks(), 1);

    stack.auth.end(session);
    eventually(Duration::from_secs(1), async || {
        user.get("/api/auth/me").await.status == 401
    })
    .await;
    // Sessions do not come back, so this is known from now on.
    let checks = stack.auth.session_checks();
    stack.gateway.clock.advance(Duration::from_secs(30));
    user.get("/api/auth/me")
        .await
        .expect_problem(401, "session_revoked");
    assert_eq!(stack.auth.session_checks(), checks);
}

#[tokio::test]
async fn when_nobody_can_tell_the_door_stays_shut() {
    let stack = Stack::start().await;
    let () = stack.redis.run(&["FLUSHDB"]).await;
    stack.auth.fail(true);
    let user = stack.user();
    let answer = user.get("/api/auth/me").await;
    answer.expect_problem(503, "upstream_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    stack
        .stranger()
        .post_empty("/api/auth/login")
        .await
        .expect(200);
    assert_eq!(stack.service.requests(), 1);

    stack.auth.fail(false);
    eventually(SOON, async || user.get("/api/auth/me").await.status == 200).await;
}

#[tokio::test]
async fn a_list_that_may_lack_something_is_checked_with_auth() {
    let stack = Stack::start().await;
    let (mine, other) = (SessionId::generate(), SessionId::generate());
    let (user, bystander) = (stack.user_in(mine), stack.user_in(other));
    stack.auth.end(mine);
    user.get("/api/auth/me").await.expect(200);
    stack.redis.set_stale().await;
    let answer = user.get("/api/auth/me").await;
    answer.expect_problem(401, "session_revoked");
    bystander.get("/api/auth/me").await.expect(200);

    // What auth has said is not forgotten when the list seems whole again.
    stack.redis.set_loaded().await;
    let answer = user.get("/api/auth/me").await;
    answer.expect_problem(401, "session_revoked");
}

#[tokio::test]
async fn a_list_that_may_lack_something_is_believed_while_auth_is_down() {
    let stack = Stack::start().await;
    let (mine, other) = (SessionId::generate(), SessionId::generate());
    stack.redis.revoke(mine).await;
    stack.redis.set_stale().await;
    stack.auth.fail(true);
    stack.user_in(other).get("/api/auth/me").await.expect(200);
    // Once is enough: the next ones do not wait for an answer that does not come.
    let checks = stack.auth.session_checks();
    stack.user_in(other).get("/api/auth/me").await.expect(200);
    assert_eq!(stack.auth.session_checks(), checks);
    let answer = stack.user_in(mine).get("/api/auth/me").await;
    answer.expect_problem(401, "session_revoked");
}
