use crate::{auth, user};

#[tokio::test]
async fn moderators_see_accounts_that_nobody_else_sees() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    stack.suspend(&bo).await;
    stack.shadow_ban(&bo).await;
    let path = format!("/api/admin/users/@{}", bo.username);
    ana.get(&path).await.expect_problem(403, "forbidden");
    let seen = stack.administrator().await.get(&path).await.expect(200);
    assert_eq!(seen["_id"], bo.id.as_str());
    assert_eq!(
        (&seen["status"], &seen["isShadowBanned"]),
        (&"suspended".into(), &true.into())
    );
}

#[tokio::test]
async fn an_unknown_account_is_not_found() {
    let stack = auth().await;
    let admin = stack.administrator().await;
    for unknown in ["000000000000000000000000", "@nobody", "x"] {
        let answer = admin.get(&format!("/api/admin/users/{unknown}")).await;
        answer.expect_problem(404, "user_not_found");
    }
}
