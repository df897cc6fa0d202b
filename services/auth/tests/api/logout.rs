use std::time::Duration;

use bson::{Document, doc};
use contracts::auth::v1::{CheckSessionRequest, sessions_service_client::SessionsServiceClient};
use testkit::{Stack, eventually};

use crate::{auth, channel, user};

async fn sessions(stack: &Stack, filter: Document) -> Vec<Document> {
    use futures_util::TryStreamExt;
    let sessions = stack.mongodb().collection::<Document>("sessions");
    sessions
        .find(filter)
        .sort(doc! { "_id": 1 })
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap()
}

async fn is_alive(stack: &Stack, session: &Document) -> bool {
    let session_id = session.get_object_id("_id").unwrap().to_hex();
    let answer = SessionsServiceClient::new(channel(stack))
        .check_session(CheckSessionRequest { session_id })
        .await;
    answer.unwrap().into_inner().is_alive
}

async fn is_listed(stack: &Stack, session: &Document) -> bool {
    let key = format!("session:revoked:{}", session.get_object_id("_id").unwrap());
    redis::cmd("EXISTS")
        .arg(key)
        .query_async(&mut stack.redis())
        .await
        .unwrap()
}

async fn is_marked(stack: &Stack) -> bool {
    redis::cmd("EXISTS")
        .arg("session:revocations-loaded")
        .query_async(&mut stack.redis())
        .await
        .unwrap()
}

#[tokio::test]
async fn logging_out_ends_this_session_and_no_other() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    ana.log_in_again().await;
    assert_eq!(ana.log_out().await.status, 204);
    let [first, second] = sessions(&stack, doc! {}).await.try_into().unwrap();
    assert!(!is_alive(&stack, &first).await && is_listed(&stack, &first).await);
    assert!(is_alive(&stack, &second).await && !is_listed(&stack, &second).await);
}

#[tokio::test]
async fn logging_out_again_keeps_the_moment_of_the_first() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    ana.log_out().await;
    let first = sessions(&stack, doc! {}).await;
    stack.clock().advance(Duration::from_mins(1));
    assert_eq!(ana.log_out().await.status, 204);
    assert_eq!(sessions(&stack, doc! {}).await, first);
}

#[tokio::test]
async fn logging_out_everywhere_ends_every_session_of_the_account() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.log_in_again().await;
    let answer = ana.post_empty("/api/auth/logout-all").await;
    assert_eq!(answer.status, 204);
    for session in sessions(&stack, doc! {}).await {
        let is_bos = session.get_object_id("user_id").unwrap().to_hex() == bo.id;
        assert_eq!(is_alive(&stack, &session).await, is_bos);
        assert_eq!(is_listed(&stack, &session).await, !is_bos);
    }
}

#[tokio::test]
async fn a_flushed_list_is_loaded_again() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    ana.log_out().await;
    let [session] = sessions(&stack, doc! {}).await.try_into().unwrap();
    stack.sandbox().flush_redis().await;
    assert!(!is_alive(&stack, &session).await);
    eventually(Duration::from_secs(10), async || {
        is_listed(&stack, &session).await
    })
    .await;
    eventually(Duration::from_secs(10), async || is_marked(&stack).await).await;
}

#[tokio::test]
async fn a_logout_while_redis_is_gone_reaches_the_list_when_it_is_back() {
    let stack = Stack::builder()
        .without_gateway()
        .without_posts()
        .with_outages()
        .start()
        .await;
    let ana = user(&stack, "ana").await;
    stack.sandbox().redis_proxy().cut();
    assert_eq!(ana.log_out().await.status, 204);
    let [session] = sessions(&stack, doc! {}).await.try_into().unwrap();
    assert!(!is_alive(&stack, &session).await && !is_listed(&stack, &session).await);
    stack.sandbox().redis_proxy().restore();
    eventually(Duration::from_secs(10), async || {
        is_listed(&stack, &session).await
    })
    .await;
}
