use bson::{Document, doc};
use contracts::{
    events::v1::{BlockChanged, Event, FollowChanged, FollowState, event::Fact},
    topology::EVENTS,
};
use futures_util::{StreamExt, future::join_all, stream};
use testkit::{Stack, User, eventually};

use crate::{SOON, auth, auth_with_outages, counted, crowd, documents, stored_counts, user};

fn path(other: &User) -> String {
    format!("/api/users/{}/block", other.id)
}

fn profile(other: &User) -> String {
    format!("/api/users/{}", other.id)
}

async fn edges(stack: &Stack) -> Vec<Document> {
    documents(stack, "follows", doc! {}).await
}

#[tokio::test]
async fn a_block_ends_what_follows_there_are_and_hides_both_ways() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let cy = user(&stack, "cy").await;
    ana.follow(&bo).await;
    bo.follow(&ana).await;
    for fan in [&ana, &bo] {
        fan.follow(&cy).await;
    }
    counted(&stack).await;
    ana.block(&bo).await;
    assert_eq!(edges(&stack).await.len(), 2, "those of cy");
    for one in [&ana, &bo] {
        let own = one.me().await;
        assert_eq!(own["followers_count"], 0);
        assert_eq!(own["following_count"], 1);
    }
    let hidden = bo.get(&profile(&ana)).await;
    hidden.expect_problem(404, "user_not_found");
    // Whoever blocks somebody still finds them, to undo it.
    let shown = ana.get(&profile(&bo)).await.expect(200);
    assert_eq!(shown["relation"]["blocking"], true);
    assert_eq!(shown["relation"]["following"], false);
    assert_eq!(shown["followers_count"], 0);
    for (viewer, other) in [(&ana, &bo), (&bo, &ana)] {
        let fans = format!("/api/users/{}/followers", cy.id);
        let fans = viewer.list(&fans).await;
        assert!(fans.iter().all(|fan| fan["_id"] != other.id.as_str()));
        assert_eq!(fans.len(), 1);
    }
    counted(&stack).await;
    for one in [&ana, &bo] {
        assert_eq!(stored_counts(&stack, &one.id).await, (0, 1));
    }
}

#[tokio::test]
async fn a_block_ends_requests_of_either_and_whoever_is_blocked_cannot_ask() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    for one in [&ana, &bo] {
        one.make_private().await;
    }
    ana.follow(&bo).await;
    bo.follow(&ana).await;
    ana.block(&bo).await;
    assert_eq!(edges(&stack).await, []);
    let follow = format!("/api/users/{}/follow", ana.id);
    let refused = bo.post_empty(&follow).await;
    refused.expect_problem(404, "user_not_found");
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &ana.id).await, (0, 0));
}

#[tokio::test]
async fn a_second_block_changes_nothing() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let path = path(&bo);
    let requests = (0..10).map(|_| ana.post_empty(&path));
    for answer in join_all(requests).await {
        answer.expect(204);
    }
    let first = documents(&stack, "blocks", doc! {}).await;
    assert_eq!(first.len(), 1);
    let by_name = format!("/api/users/@{}/block", bo.username.to_uppercase());
    ana.post_empty(&by_name).await.expect(204);
    assert_eq!(documents(&stack, "blocks", doc! {}).await, first);
}

#[tokio::test]
async fn nobody_blocks_themselves_or_somebody_they_cannot_see() {
    let stack = auth().await;
    let (ana, mo) = (user(&stack, "ana").await, user(&stack, "mo").await);
    stack.make_moderator(&mo).await;
    let (blocker, banned) = (user(&stack, "blocker").await, user(&stack, "banned").await);
    stack.shadow_ban(&banned).await;
    for somebody in [&ana, &mo] {
        blocker.block(somebody).await;
    }
    let itself = ana.post_empty(&path(&ana)).await;
    itself.expect_problem(422, "cannot_block_yourself");
    for hidden in [&blocker, &banned] {
        // A moderator sees the account, but that is no reason to block it.
        for somebody in [&ana, &mo] {
            let refused = somebody.post_empty(&path(hidden)).await;
            refused.expect_problem(404, "user_not_found");
        }
    }
    for nobody in ["000000000000000000000000", "@nobody", "nobody"] {
        let refused = ana.post_empty(&format!("/api/users/{nobody}/block")).await;
        refused.expect_problem(404, "user_not_found");
    }
    assert_eq!(documents(&stack, "blocks", doc! {}).await.len(), 2);
}

/// Whichever is first, the follow is not there beside the block.
#[tokio::test]
async fn no_follow_slips_by_a_block() {
    let stack = auth().await;
    let people = crowd(&stack, 120).await;
    let pairs = people.chunks_exact(2).map(async |pair| {
        let (one, other) = (&pair[0], &pair[1]);
        let [follow, back] = [&other.id, &one.id].map(|id| format!("/api/users/{id}/follow"));
        let block = format!("/api/users/{}/block", other.id);
        let (follow, back, block) = tokio::join!(
            one.post_empty(&follow),
            other.post_empty(&back),
            one.post_empty(&block),
        );
        block.expect(204);
        assert!([200, 409].contains(&follow.status), "{follow:?}");
        assert!([200, 404].contains(&back.status), "{back:?}");
    });
    // Not more at once than there is time for.
    stream::iter(pairs)
        .buffer_unordered(6)
        .collect::<Vec<()>>()
        .await;
    assert_eq!(documents(&stack, "blocks", doc! {}).await.len(), 60);
    assert_eq!(edges(&stack).await.len(), 0);
    counted(&stack).await;
    for person in &people {
        assert_eq!(stored_counts(&stack, &person.id).await, (0, 0));
    }
}

#[tokio::test]
async fn a_block_and_what_it_ends_are_told_together() {
    let stack = auth_with_outages().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.follow(&bo).await;
    counted(&stack).await;
    let told = async || documents(&stack, "auth_outbox", doc! { "exchange": EVENTS }).await;
    eventually(SOON, async || told().await.is_empty()).await;
    stack.sandbox().amqp_proxy().cut();
    ana.block(&bo).await;
    ana.block(&bo).await;
    ana.unblock(&bo).await;
    ana.unblock(&bo).await;
    let fact = |row: &Document| {
        let payload = row.get_binary_generic("payload").unwrap();
        Event::from_bytes(payload).unwrap().fact.unwrap()
    };
    let told: Vec<Fact> = told().await.iter().map(fact).collect();
    let block = Fact::BlockChanged(BlockChanged {
        user_id: ana.id.clone(),
        blocked_id: bo.id.clone(),
    });
    let follow = Fact::FollowChanged(FollowChanged {
        follower_id: ana.id.clone(),
        followee_id: bo.id.clone(),
        state: FollowState::None.into(),
    });
    assert_eq!(told, [follow, block.clone(), block]);
}
