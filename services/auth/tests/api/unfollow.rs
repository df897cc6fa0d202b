use bson::{Document, doc};
use serde_json::json;
use testkit::{Stack, User};

use crate::{auth, counted, documents, stored_counts, user};

fn path(other: &User) -> String {
    format!("/api/users/{}/follow", other.id)
}

async fn edges(stack: &Stack) -> Vec<Document> {
    documents(stack, "follows", doc! {}).await
}

#[tokio::test]
async fn whoever_unfollows_is_gone_from_the_counts_at_once() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.follow(&bo).await;
    bo.follow(&ana).await;
    let answer = ana.unfollow(&bo).await;
    assert_eq!(answer, json!({ "following": false, "requested": false }));
    let shown = ana.get(&format!("/api/users/{}", bo.id)).await.expect(200);
    assert_eq!(shown["followers_count"], 0);
    assert_eq!(shown["relation"]["following"], false);
    assert_eq!(shown["relation"]["followed_by"], true);
    assert_eq!(ana.me().await["following_count"], 0);
    assert_eq!(ana.me().await["followers_count"], 1);
    assert_eq!(edges(&stack).await.len(), 1);
}

#[tokio::test]
async fn a_second_unfollow_changes_nothing() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let never = ana.unfollow(&bo).await;
    ana.follow(&bo).await;
    let path = path(&bo);
    let requests = (0..10).map(|_| ana.delete(&path));
    for answer in futures_util::future::join_all(requests).await {
        assert_eq!(answer.expect(200), never);
    }
    assert_eq!(edges(&stack).await, []);
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &bo.id).await, (0, 0));
    assert_eq!(stored_counts(&stack, &ana.id).await, (0, 0));
}

#[tokio::test]
async fn a_request_is_taken_back() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    bo.make_private().await;
    ana.follow(&bo).await;
    ana.unfollow(&bo).await;
    assert_eq!(edges(&stack).await, []);
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &bo.id).await, (0, 0));
}

#[tokio::test]
async fn somebody_who_is_hidden_now_can_be_unfollowed_once() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let [banned, suspended] = [
        user(&stack, "banned").await,
        user(&stack, "suspended").await,
    ];
    for other in [&banned, &suspended] {
        ana.follow(other).await;
    }
    stack.shadow_ban(&banned).await;
    stack.suspend(&suspended).await;
    for other in [&banned, &suspended] {
        ana.unfollow(other).await;
        let again = ana.delete(&path(other)).await;
        again.expect_problem(404, "user_not_found");
    }
    assert_eq!(edges(&stack).await, []);
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &ana.id).await, (0, 0));
}

#[tokio::test]
async fn a_follow_outlives_its_account_until_it_is_undone() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.follow(&bo).await;
    counted(&stack).await;
    let users = stack.mongodb().collection::<Document>("users");
    let gone = doc! { "username_lower": &bo.username };
    users.delete_one(gone).await.unwrap();
    ana.unfollow(&bo).await;
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &ana.id).await, (0, 0));
    let unknown = "/api/users/@nobody/follow";
    let refused = ana.delete(unknown).await;
    refused.expect_problem(404, "user_not_found");
}
