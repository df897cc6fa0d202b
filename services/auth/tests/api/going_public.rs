use bson::{Document, doc};
use contracts::jobs::v1::NotificationKind;
use domain::UserId;
use testkit::{Notifications, Stack, User, eventually};

use crate::{SOON, auth, counted, crowd, documents, plant, stored_counts, user};

async fn with_status(stack: &Stack, status: &str) -> usize {
    let edges = documents(stack, "follows", doc! { "status": status });
    edges.await.len()
}

/// Waits until the account has so many followers, and nobody asks any more.
async fn all_accepted(stack: &Stack, owner: &User, count: i64) {
    eventually(SOON, async || owner.me().await["followers_count"] == count).await;
    assert_eq!(with_status(stack, "pending").await, 0);
}

async fn sweeps(stack: &Stack) -> Vec<Document> {
    documents(stack, "follow_sweeps", doc! {}).await
}

/// A private account, and two who ask to follow it.
async fn asked(stack: &Stack) -> (User, [User; 2]) {
    let owner = user(stack, "owner").await;
    owner.make_private().await;
    let askers = [user(stack, "ana").await, user(stack, "bo").await];
    for asker in &askers {
        asker.follow(&owner).await;
    }
    (owner, askers)
}

#[tokio::test]
async fn an_account_that_goes_public_accepts_whoever_has_asked() {
    let stack = auth().await;
    let notifications = Notifications::of(stack.sandbox()).await;
    let (owner, [ana, bo]) = asked(&stack).await;
    owner.make_public().await;
    all_accepted(&stack, &owner, 2).await;
    for asker in [&ana, &bo] {
        let shown = asker.get(&format!("/api/users/{}", owner.id)).await;
        assert_eq!(shown.expect(200)["relation"]["following"], true);
        let told = || notifications.told(asker, NotificationKind::FollowAccepted);
        eventually(SOON, async || told().len() == 1).await;
        assert_eq!(told()[0].actors[0].user_id, owner.id);
    }
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &owner.id).await, (2, 0));
    assert!(
        notifications
            .told(&owner, NotificationKind::Follow)
            .is_empty()
    );
}

#[tokio::test]
async fn many_requests_are_accepted_each_once() {
    let stack = auth().await;
    let owner = user(&stack, "owner").await;
    owner.make_private().await;
    let askers = crowd(&stack, 250).await;
    let pairs = askers.iter().map(|it| (it.id.clone(), owner.id.clone()));
    plant(&stack, pairs, "pending").await;
    // Some of them change their minds meanwhile.
    let path = format!("/api/users/{}/follow", owner.id);
    let leaving = askers.iter().step_by(10).map(|asker| asker.delete(&path));
    tokio::join!(owner.make_public(), futures_util::future::join_all(leaving));
    all_accepted(&stack, &owner, 225).await;
    counted(&stack).await;
    assert_eq!(with_status(&stack, "accepted").await, 225);
    assert_eq!(stored_counts(&stack, &owner.id).await, (225, 0));
    for (at, asker) in askers.iter().enumerate() {
        let expected = i64::from(!at.is_multiple_of(10));
        assert_eq!(stored_counts(&stack, &asker.id).await, (0, expected));
    }
}

/// A follow that saw the account private may commit after nobody was found.
#[tokio::test]
async fn a_straggler_is_accepted_too() {
    let stack = auth().await;
    let owner = user(&stack, "owner").await;
    owner.make_private().await;
    owner.make_public().await;
    let has_looked = async || {
        let [sweep] = sweeps(&stack).await.try_into().unwrap();
        sweep.get_datetime("look_at").unwrap() > sweep.get_datetime("since").unwrap()
    };
    eventually(SOON, has_looked).await;
    let late = crowd(&stack, 1).await;
    let pair = (late[0].id.clone(), owner.id.clone());
    plant(&stack, std::iter::once(pair), "pending").await;
    all_accepted(&stack, &owner, 1).await;
    assert_eq!(sweeps(&stack).await.len(), 1);
    // Later nobody can have seen it private.
    let long_ago = bson::DateTime::from_millis(0);
    let past = doc! { "$set": { "since": long_ago, "look_at": long_ago } };
    let collection = stack.mongodb().collection::<Document>("follow_sweeps");
    collection.update_one(doc! {}, past).await.unwrap();
    eventually(SOON, async || sweeps(&stack).await.is_empty()).await;
}

#[tokio::test]
async fn an_account_that_is_private_again_is_asked_again() {
    let stack = auth().await;
    let (owner, [ana, _]) = asked(&stack).await;
    owner.make_public().await;
    owner.make_private().await;
    assert!(sweeps(&stack).await.is_empty());
    let before = with_status(&stack, "accepted").await;
    let cy = user(&stack, "cy").await;
    assert_eq!(cy.follow(&owner).await["requested"], true);
    // Whoever sweeps has had turns since.
    let di = user(&stack, "di").await;
    di.make_private().await;
    cy.follow(&di).await;
    di.make_public().await;
    let followed_by_cy = doc! {
        "follower_id": cy.id.parse::<UserId>().unwrap(), "status": "accepted",
    };
    eventually(SOON, async || {
        !documents(&stack, "follows", followed_by_cy.clone())
            .await
            .is_empty()
    })
    .await;
    assert_eq!(with_status(&stack, "accepted").await, before + 1);
    ana.follow(&owner).await;
    counted(&stack).await;
    let (followers, _) = stored_counts(&stack, &owner.id).await;
    assert_eq!(usize::try_from(followers).unwrap(), before);
}
