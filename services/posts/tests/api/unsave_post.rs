use serde_json::{Value, json};
use testkit::{Stack, User};

use crate::{ids, path};

async fn unsave(user: &User, post: &Value) -> Value {
    user.delete(&format!("{}/save", path(post)))
        .await
        .expect(200)
}

#[tokio::test]
async fn what_was_not_saved_stays_so() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    ana.save(&post).await;
    for _ in 0..2 {
        let expected = json!({ "post_id": post["_id"], "is_saved": false, "saves_count": 1 });
        assert_eq!(unsave(&bo, &post).await, expected);
    }
    assert_eq!(unsave(&ana, &post).await["saves_count"], 0);
}

#[tokio::test]
async fn a_save_can_be_taken_back_whatever_became_of_the_post() {
    let stack = Stack::start().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let (deleted, hidden) = (ana.publish("one").await, cy.publish("two").await);
    for post in [&deleted, &hidden] {
        bo.save(post).await;
    }
    cy.save(&hidden).await;
    ana.delete(&path(&deleted)).await.expect(204);
    stack.shadow_ban(&cy).await;
    for post in [&deleted, &hidden] {
        // Nobody is told a number of what they may not see.
        for _ in 0..2 {
            let expected = json!({ "post_id": post["_id"], "is_saved": false, "saves_count": 0 });
            assert_eq!(unsave(&bo, post).await, expected);
        }
    }
    stack.lift_shadow_ban(&cy).await;
    assert_eq!(
        ids(&bo.list("/api/posts/saved").await),
        Vec::<String>::new()
    );
    assert_eq!(unsave(&bo, &hidden).await["saves_count"], 1);
}

#[tokio::test]
async fn what_is_no_id_names_no_post() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    ana.delete("/api/posts/x/save")
        .await
        .expect_problem(404, "post_not_found");
}
