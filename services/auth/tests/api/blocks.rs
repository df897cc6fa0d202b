use crate::{auth, cursors, ids, user};

#[tokio::test]
async fn whom_somebody_blocks_and_mutes_is_for_their_eyes_newest_first() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let others = [
        user(&stack, "bo").await,
        user(&stack, "cy").await,
        user(&stack, "di").await,
    ];
    let [bo, cy, di] = &others;
    for other in &others {
        ana.block(other).await;
    }
    ana.mute(bo).await;
    di.block(bo).await;
    let page = ana.get("/api/users/me/blocks").await.expect(200);
    assert_eq!(ids(&page), [&*di.id, &*cy.id, &*bo.id]);
    assert!(page["items"][0]["blocked_at"].is_string());
    assert_eq!(page["items"][0]["relation"]["blocking"], true);
    let page = ana.get("/api/users/me/mutes").await.expect(200);
    assert_eq!(ids(&page), [&*bo.id]);
    assert!(page["items"][0]["muted_at"].is_string());
    for limit in [1, 2, 3, 4] {
        let found = cursors(&ana, "/api/users/me/blocks?", limit).await;
        assert_eq!(found, [&*di.id, &*cy.id, &*bo.id], "{limit}");
    }
    let page = ana.get("/api/users/me/blocks?page=2&limit=2").await;
    assert_eq!(ids(&page.expect(200)), [&*bo.id]);
}

#[tokio::test]
async fn whoever_cannot_be_seen_is_in_the_list_again_when_they_can() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let cy = user(&stack, "cy").await;
    ana.block(&bo).await;
    ana.mute(&cy).await;
    cy.block(&ana).await;
    stack.shadow_ban(&bo).await;
    for path in ["/api/users/me/blocks", "/api/users/me/mutes"] {
        assert!(ana.list(path).await.is_empty(), "{path}");
    }
    cy.unblock(&ana).await;
    stack.lift_shadow_ban(&bo).await;
    for path in ["/api/users/me/blocks", "/api/users/me/mutes"] {
        assert_eq!(ana.list(path).await.len(), 1, "{path}");
    }
}
