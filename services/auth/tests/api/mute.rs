use bson::doc;

use crate::{auth, documents, user};

#[tokio::test]
async fn a_mute_is_known_to_whoever_mutes_and_ends_nothing() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.follow(&bo).await;
    bo.follow(&ana).await;
    ana.mute(&bo).await;
    ana.mute(&bo).await;
    let seen = ana.get(&format!("/api/users/{}", bo.id)).await.expect(200);
    assert_eq!(seen["relation"]["muting"], true);
    assert_eq!(seen["relation"]["following"], true);
    let seen = bo.get(&format!("/api/users/{}", ana.id)).await.expect(200);
    assert_eq!(seen["relation"]["muting"], false);
    assert_eq!(seen["relation"]["following"], true);
    assert_eq!(documents(&stack, "blocks", doc! {}).await.len(), 1);
}

#[tokio::test]
async fn a_mute_and_a_block_of_the_same_account_are_two_things() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.mute(&bo).await;
    ana.block(&bo).await;
    ana.unblock(&bo).await;
    let seen = ana.get(&format!("/api/users/{}", bo.id)).await.expect(200);
    assert_eq!(seen["relation"]["muting"], true);
    assert_eq!(seen["relation"]["blocking"], false);
}

#[tokio::test]
async fn nobody_mutes_themselves_or_somebody_they_cannot_see() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let path = |id: &str| format!("/api/users/{id}/mute");
    bo.block(&ana).await;
    let itself = ana.post_empty(&path(&ana.id)).await;
    itself.expect_problem(422, "cannot_mute_yourself");
    for hidden in [bo.id.as_str(), "000000000000000000000000", "@nobody"] {
        let refused = ana.post_empty(&path(hidden)).await;
        refused.expect_problem(404, "user_not_found");
    }
    assert_eq!(documents(&stack, "blocks", doc! {}).await.len(), 1);
}
