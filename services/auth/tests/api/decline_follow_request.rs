use bson::doc;
use serde_json::json;

use crate::{auth, counted, documents, stored_counts, user};

#[tokio::test]
async fn whoever_is_declined_follows_no_more_than_before_and_may_ask_again() {
    let stack = auth().await;
    let (owner, ana) = (user(&stack, "owner").await, user(&stack, "ana").await);
    owner.make_private().await;
    ana.follow(&owner).await;
    let declined = json!({ "followed_by": false });
    assert_eq!(owner.decline(&ana).await, declined);
    assert_eq!(owner.decline(&ana).await, declined);
    let shown = ana.get(&format!("/api/users/{}", owner.id)).await;
    assert_eq!(shown.expect(200)["relation"]["requested"], false);
    assert!(documents(&stack, "follows", doc! {}).await.is_empty());
    assert_eq!(ana.follow(&owner).await["requested"], true);
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &owner.id).await, (0, 0));
}

#[tokio::test]
async fn declining_ends_no_follow() {
    let stack = auth().await;
    let (owner, ana) = (user(&stack, "owner").await, user(&stack, "ana").await);
    ana.follow(&owner).await;
    let answer = owner.decline(&ana).await;
    assert_eq!(answer, json!({ "followed_by": true }));
    assert_eq!(owner.me().await["followers_count"], 1);
    for nobody in ["@nobody", "nobody", &owner.id] {
        let path = format!("/api/users/me/follow-requests/{nobody}/decline");
        let refused = owner.post_empty(&path).await;
        refused.expect_problem(404, "follow_request_not_found");
    }
}
