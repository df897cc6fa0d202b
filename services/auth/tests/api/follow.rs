use bson::doc;
use serde_json::json;
use testkit::{Stack, User};

use crate::{auth, counted, crowd, documents, stored_counts, user};

fn path(other: &User) -> String {
    format!("/api/users/{}/follow", other.id)
}

async fn edges(stack: &Stack) -> usize {
    documents(stack, "follows", doc! {}).await.len()
}

#[tokio::test]
async fn whoever_follows_is_told_so_and_both_see_it_in_their_counts_at_once() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let answer = ana.follow(&bo).await;
    assert_eq!(answer, json!({ "following": true, "requested": false }));
    let shown = ana.get(&format!("/api/users/{}", bo.id)).await.expect(200);
    assert_eq!(shown["relation"]["following"], true);
    assert_eq!(shown["relation"]["followed_by"], false);
    assert_eq!(shown["followers_count"], 1);
    let own = ana.get(&format!("/api/users/{}", ana.id)).await.expect(200);
    assert_eq!(own["following_count"], 1);
    assert_eq!(ana.me().await["following_count"], 1);
    let shown = bo.get(&format!("/api/users/{}", ana.id)).await.expect(200);
    assert_eq!(shown["relation"]["following"], false);
    assert_eq!(shown["relation"]["followed_by"], true);
    assert_eq!(shown["following_count"], 1);
    assert_eq!(bo.me().await["followers_count"], 1);
    assert_eq!(edges(&stack).await, 1);
}

#[tokio::test]
async fn a_second_follow_changes_nothing() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let first = ana.follow(&bo).await;
    let before = documents(&stack, "follows", doc! {}).await;
    assert_eq!(ana.follow(&bo).await, first);
    let by_name = format!("/api/users/@{}/follow", bo.username.to_uppercase());
    assert_eq!(ana.post_empty(&by_name).await.expect(200), first);
    assert_eq!(documents(&stack, "follows", doc! {}).await, before);
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &bo.id).await, (1, 0));
    assert_eq!(stored_counts(&stack, &ana.id).await, (0, 1));
}

#[tokio::test]
async fn the_same_follow_many_times_at_once_is_one() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let path = path(&bo);
    let requests = (0..20).map(|_| ana.post_empty(&path));
    for answer in futures_util::future::join_all(requests).await {
        assert_eq!(answer.expect(200)["following"], true);
    }
    assert_eq!(edges(&stack).await, 1);
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &bo.id).await, (1, 0));
    assert_eq!(stored_counts(&stack, &ana.id).await, (0, 1));
}

#[tokio::test]
async fn a_private_account_is_asked_and_nobody_counts_it() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    bo.make_private().await;
    let asked = json!({ "following": false, "requested": true });
    assert_eq!(ana.follow(&bo).await, asked);
    assert_eq!(ana.follow(&bo).await, asked);
    let shown = ana.get(&format!("/api/users/{}", bo.id)).await.expect(200);
    assert_eq!(shown["relation"]["requested"], true);
    assert_eq!(shown["relation"]["following"], false);
    assert_eq!(shown["followers_count"], 0);
    let shown = bo.get(&format!("/api/users/{}", ana.id)).await.expect(200);
    assert_eq!(shown["relation"]["followed_by"], false);
    let [edge] = documents(&stack, "follows", doc! {})
        .await
        .try_into()
        .unwrap();
    assert_eq!(edge.get_str("status").unwrap(), "pending");
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &bo.id).await, (0, 0));
}

#[tokio::test]
async fn nobody_follows_themselves() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    for name in [ana.id.clone(), format!("@{}", ana.username)] {
        let path = format!("/api/users/{name}/follow");
        let refused = ana.post_empty(&path).await;
        refused.expect_problem(422, "cannot_follow_yourself");
        let refused = ana.delete(&path).await;
        refused.expect_problem(422, "cannot_follow_yourself");
    }
    assert_eq!(edges(&stack).await, 0);
}

#[tokio::test]
async fn whoever_cannot_be_seen_cannot_be_followed() {
    let stack = auth().await;
    let (ana, mod_) = (user(&stack, "ana").await, user(&stack, "mo").await);
    stack.make_moderator(&mod_).await;
    let [banned, suspended, blocker] = [
        user(&stack, "banned").await,
        user(&stack, "suspended").await,
        user(&stack, "blocker").await,
    ];
    stack.shadow_ban(&banned).await;
    stack.suspend(&suspended).await;
    blocker.block(&ana).await;
    blocker.block(&mod_).await;
    for hidden in [&banned, &suspended, &blocker] {
        // A moderator sees the account, but that is no reason to follow it.
        for somebody in [&ana, &mod_] {
            let refused = somebody.post_empty(&path(hidden)).await;
            refused.expect_problem(404, "user_not_found");
        }
    }
    for nobody in ["000000000000000000000000", "@nobody", "nobody"] {
        let path = format!("/api/users/{nobody}/follow");
        let refused = ana.post_empty(&path).await;
        refused.expect_problem(404, "user_not_found");
    }
    assert_eq!(edges(&stack).await, 0);
}

#[tokio::test]
async fn whoever_blocks_somebody_must_unblock_them_first_and_a_mute_is_no_obstacle() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.mute(&bo).await;
    bo.mute(&ana).await;
    ana.follow(&bo).await;
    ana.unfollow(&bo).await;
    ana.block(&bo).await;
    let refused = ana.post_empty(&path(&bo)).await;
    refused.expect_problem(409, "blocked_by_you");
    assert_eq!(edges(&stack).await, 0);
}

#[tokio::test]
async fn a_suspended_account_follows_nobody() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.follow(&bo).await;
    stack.suspend(&ana).await;
    for refused in [
        ana.post_empty(&path(&bo)).await,
        ana.delete(&path(&bo)).await,
    ] {
        refused.expect_problem(403, "account_not_active");
    }
}

#[tokio::test]
async fn there_is_a_limit_to_whom_one_follows_and_asks_to() {
    let builder = Stack::builder().without_gateway().without_posts();
    let stack = builder.setting("following-limit", "3").start().await;
    let (ana, cy) = (user(&stack, "ana").await, user(&stack, "cy").await);
    let others = crowd(&stack, 3).await;
    let follow = async |id: &str| ana.post_empty(&format!("/api/users/{id}/follow")).await;
    cy.make_private().await;
    follow(&cy.id).await.expect(200);
    follow(&others[0].id).await.expect(200);
    counted(&stack).await;
    follow(&others[1].id).await.expect(200);
    let refused = follow(&others[2].id).await;
    refused.expect_problem(409, "following_limit_reached");
    // What is followed already is not one more.
    follow(&others[0].id).await.expect(200);
    ana.unfollow(&cy).await;
    follow(&others[2].id).await.expect(200);
}
