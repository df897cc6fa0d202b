use bson::doc;
use contracts::jobs::v1::NotificationKind;
use futures_util::future::join_all;
use serde_json::json;
use testkit::{Notifications, Stack, User, eventually};

use crate::{SOON, auth, counted, documents, stored_counts, user};

fn path(asker: &User) -> String {
    format!("/api/users/me/follow-requests/{}/accept", asker.id)
}

/// A private account, and somebody who asks to follow it.
async fn asked(stack: &Stack) -> (User, User) {
    let (owner, ana) = (user(stack, "owner").await, user(stack, "ana").await);
    owner.make_private().await;
    ana.follow(&owner).await;
    (owner, ana)
}

#[tokio::test]
async fn whoever_is_accepted_follows_and_both_see_it_in_their_counts_at_once() {
    let stack = auth().await;
    let (owner, ana) = asked(&stack).await;
    let answer = owner.accept(&ana).await;
    assert_eq!(answer, json!({ "followed_by": true }));
    let shown = ana.get(&format!("/api/users/{}", owner.id)).await;
    let shown = shown.expect(200);
    assert_eq!(shown["relation"]["following"], true);
    assert_eq!(shown["relation"]["requested"], false);
    assert_eq!(shown["followers_count"], 1);
    assert_eq!(owner.me().await["followers_count"], 1);
    assert_eq!(ana.me().await["following_count"], 1);
    let followers = format!("/api/users/{}/followers", owner.id);
    assert_eq!(ana.list(&followers).await.len(), 1);
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &owner.id).await, (1, 0));
    assert_eq!(stored_counts(&stack, &ana.id).await, (0, 1));
}

#[tokio::test]
async fn the_same_answer_many_times_at_once_is_one() {
    let stack = auth().await;
    let (owner, ana) = asked(&stack).await;
    let path = path(&ana);
    let requests = (0..10).map(|_| owner.post_empty(&path));
    for answer in join_all(requests).await {
        assert_eq!(answer.expect(200), json!({ "followed_by": true }));
    }
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &owner.id).await, (1, 0));
}

#[tokio::test]
async fn who_has_not_asked_cannot_be_accepted() {
    let stack = auth().await;
    let (owner, ana) = asked(&stack).await;
    let bo = user(&stack, "bo").await;
    let banned = user(&stack, "banned").await;
    banned.follow(&owner).await;
    stack.shadow_ban(&banned).await;
    let missing = ["000000000000000000000000", "@nobody", "nobody"];
    let others = [&bo.id, &owner.id, &banned.id].map(String::as_str);
    for other in others.into_iter().chain(missing) {
        let path = format!("/api/users/me/follow-requests/{other}/accept");
        let refused = owner.post_empty(&path).await;
        refused.expect_problem(404, "follow_request_not_found");
    }
    // Whoever was asked accepts, not whoever asked.
    let refused = ana.post_empty(&path(&owner)).await;
    refused.expect_problem(404, "follow_request_not_found");
    ana.unfollow(&owner).await;
    let refused = owner.post_empty(&path(&ana)).await;
    refused.expect_problem(404, "follow_request_not_found");
    let accepted = doc! { "status": "accepted" };
    assert!(documents(&stack, "follows", accepted).await.is_empty());
}

#[tokio::test]
async fn whoever_asks_is_announced_once_and_told_when_they_are_accepted() {
    let stack = auth().await;
    let notifications = Notifications::of(stack.sandbox()).await;
    let (owner, ana) = asked(&stack).await;
    ana.follow(&owner).await;
    owner.accept(&ana).await;
    owner.accept(&ana).await;
    // What was counted before the last of these has been told before it.
    counted(&stack).await;
    let bo = user(&stack, "bo").await;
    bo.follow(&ana).await;
    let told = |user: &User, kind| {
        let told = notifications.told(user, kind);
        let actors = told.into_iter().map(|it| it.actors);
        let ids = actors.map(|actors| actors.into_iter().map(|it| it.user_id).collect());
        ids.collect::<Vec<Vec<String>>>()
    };
    eventually(SOON, async || {
        !told(&ana, NotificationKind::Follow).is_empty()
    })
    .await;
    let request = told(&owner, NotificationKind::FollowRequest);
    assert_eq!(request, [[ana.id.clone()]]);
    let accepted = told(&ana, NotificationKind::FollowAccepted);
    assert_eq!(accepted, [[owner.id.clone()]]);
    assert_eq!(told(&ana, NotificationKind::Follow), [[bo.id.clone()]]);
    // The owner knows: it was they who accepted.
    assert!(told(&owner, NotificationKind::Follow).is_empty());
}
