use bson::doc;
use domain::UserId;
use testkit::User;

use crate::{auth, documents, user};

fn path(other: &User) -> String {
    format!("/api/users/{}/block", other.id)
}

#[tokio::test]
async fn whoever_is_unblocked_sees_the_other_again_and_follows_do_not_come_back() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.follow(&bo).await;
    bo.follow(&ana).await;
    ana.block(&bo).await;
    ana.unblock(&bo).await;
    ana.unblock(&bo).await;
    let shown = bo.get(&format!("/api/users/{}", ana.id)).await.expect(200);
    assert_eq!(shown["relation"]["following"], false);
    assert_eq!(shown["followers_count"], 0);
    assert_eq!(ana.follow(&bo).await["following"], true);
}

#[tokio::test]
async fn a_block_can_be_undone_whatever_became_of_the_other() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let [banned, suspended, blocker, gone] = [
        user(&stack, "banned").await,
        user(&stack, "suspended").await,
        user(&stack, "blocker").await,
        user(&stack, "gone").await,
    ];
    for other in [&banned, &suspended, &blocker, &gone] {
        ana.block(other).await;
    }
    stack.shadow_ban(&banned).await;
    stack.suspend(&suspended).await;
    let back = doc! {
        "user_id": blocker.id.parse::<UserId>().unwrap(),
        "blocked_id": ana.id.parse::<UserId>().unwrap(),
        "kind": "block",
        "created_at": bson::DateTime::now(),
    };
    let blocks = stack.mongodb().collection("blocks");
    blocks.insert_one(back).await.unwrap();
    let users = stack.mongodb().collection::<bson::Document>("users");
    let lost = doc! { "username_lower": &gone.username };
    users.delete_one(lost).await.unwrap();
    for other in [&banned, &suspended, &blocker, &gone] {
        ana.unblock(other).await;
        let again = ana.delete(&path(other)).await;
        again.expect_problem(404, "user_not_found");
    }
    assert_eq!(documents(&stack, "blocks", doc! {}).await.len(), 1);
    let itself = ana.delete(&path(&ana)).await;
    itself.expect_problem(422, "cannot_block_yourself");
    let nobody = ana.delete("/api/users/@nobody/block").await;
    nobody.expect_problem(404, "user_not_found");
}
