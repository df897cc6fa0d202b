use serde_json::json;
use testkit::{Stack, User};

use crate::{auth, cursors, ids, user};

const PATH: &str = "/api/users/me/follow-requests";

/// A private account, and those who ask to follow it in their order.
async fn asked(stack: &Stack) -> (User, [User; 3]) {
    let owner = user(stack, "owner").await;
    owner.make_private().await;
    let askers = [
        user(stack, "ana").await,
        user(stack, "bo").await,
        user(stack, "cy").await,
    ];
    for asker in &askers {
        asker.follow(&owner).await;
    }
    (owner, askers)
}

#[tokio::test]
async fn whoever_asks_is_listed_newest_first() {
    let stack = auth().await;
    let (owner, [ana, bo, cy]) = asked(&stack).await;
    let page = owner.get(PATH).await.expect(200);
    assert_eq!(ids(&page), [&*cy.id, &*bo.id, &*ana.id]);
    let newest = &page["items"][0];
    assert!(newest["requested_at"].is_string());
    assert!(newest.get("email").is_none());
    assert_eq!(newest["relation"]["followed_by"], false);
    for limit in [1, 2, 3, 4] {
        let found = cursors(&owner, &format!("{PATH}?"), limit).await;
        assert_eq!(found, [&*cy.id, &*bo.id, &*ana.id], "{limit}");
    }
    assert!(ana.list(PATH).await.is_empty());
}

#[tokio::test]
async fn answered_and_withdrawn_requests_are_gone_and_hidden_ones_wait() {
    let stack = auth().await;
    let (owner, [ana, bo, cy]) = asked(&stack).await;
    owner.accept(&ana).await;
    bo.unfollow(&owner).await;
    stack.shadow_ban(&cy).await;
    assert!(owner.list(PATH).await.is_empty());
    stack.lift_shadow_ban(&cy).await;
    let page = owner.get(PATH).await.expect(200);
    assert_eq!(ids(&page), [&*cy.id]);
    let answer = owner.decline(&cy).await;
    assert_eq!(answer, json!({ "followed_by": false }));
    assert!(owner.list(PATH).await.is_empty());
}
