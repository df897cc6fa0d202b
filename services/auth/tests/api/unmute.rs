use crate::{auth, user};

#[tokio::test]
async fn a_mute_ends_also_when_the_other_is_hidden_by_now() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let path = format!("/api/users/{}/mute", bo.id);
    ana.mute(&bo).await;
    ana.unmute(&bo).await;
    ana.unmute(&bo).await;
    let seen = ana.get(&format!("/api/users/{}", bo.id)).await.expect(200);
    assert_eq!(seen["relation"]["muting"], false);
    ana.mute(&bo).await;
    bo.block(&ana).await;
    ana.unmute(&bo).await;
    let again = ana.delete(&path).await;
    again.expect_problem(404, "user_not_found");
    let itself = ana.delete(&format!("/api/users/{}/mute", ana.id)).await;
    itself.expect_problem(422, "cannot_mute_yourself");
}
