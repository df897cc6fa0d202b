use crate::{auth, ids, user};

#[tokio::test]
async fn whom_somebody_follows_is_listed_newest_first() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let (cy, di) = (user(&stack, "cy").await, user(&stack, "di").await);
    di.make_private().await;
    for other in [&bo, &cy, &di] {
        ana.follow(other).await;
    }
    bo.follow(&ana).await;
    let path = format!("/api/users/@{}/following", ana.username);
    let page = ana.get(&path).await.expect(200);
    // Whoever was only asked is not followed.
    assert_eq!(ids(&page), [cy.id.as_str(), bo.id.as_str()]);
    assert_eq!(page["items"][1]["relation"]["following"], true);
    assert_eq!(page["items"][1]["relation"]["followed_by"], true);
    let first = bo.get(&format!("{path}?limit=1")).await.expect(200);
    assert_eq!(ids(&first), [cy.id.as_str()]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = bo.get(&format!("{path}?limit=1&cursor={cursor}")).await;
    assert_eq!(ids(&second.expect(200)), [bo.id.as_str()]);
    ana.unfollow(&cy).await;
    assert_eq!(ids(&bo.get(&path).await.expect(200)), [bo.id.as_str()]);
}

#[tokio::test]
async fn whom_a_private_or_hidden_account_follows_is_not_for_everybody() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let cy = user(&stack, "cy").await;
    ana.follow(&cy).await;
    bo.follow(&ana).await;
    ana.make_private().await;
    let path = format!("/api/users/{}/following", ana.id);
    let refused = cy.get(&path).await;
    refused.expect_problem(404, "account_private");
    assert_eq!(ids(&bo.get(&path).await.expect(200)), [cy.id.as_str()]);
    assert_eq!(ids(&ana.get(&path).await.expect(200)), [cy.id.as_str()]);
    stack.shadow_ban(&ana).await;
    let refused = bo.get(&path).await;
    refused.expect_problem(404, "user_not_found");
    assert_eq!(ids(&ana.get(&path).await.expect(200)), [cy.id.as_str()]);
}
