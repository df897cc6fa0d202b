use serde_json::{Value, json};

use crate::{auth, user};

const PATH: &str = "/api/admin/audit";

#[tokio::test]
async fn the_log_is_read_from_its_end_and_by_actor_and_target() {
    let stack = auth().await;
    let admin = stack.administrator().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    for target in [&ana, &bo, &ana] {
        let change = json!({ "is_verified": true, "role": "moderator" });
        admin.change(target, change).await;
        admin
            .change(target, json!({ "is_verified": false, "role": "user" }))
            .await;
    }
    let list = async |query: &str| {
        let list = admin.get(&format!("{PATH}?{query}")).await.expect(200);
        let items = list["items"].as_array().unwrap().iter();
        let targets: Vec<Value> = items.map(|it| it["target_id"].clone()).collect();
        (targets, list["next_cursor"].clone())
    };
    let (ana_id, bo_id, admin_id) = (json!(ana.id), json!(bo.id), json!(admin.id));
    let (mut all, mut next) = list("limit=2").await;
    // What comes meanwhile is not on any later page.
    admin.change(&bo, json!({ "is_verified": true })).await;
    while let Some(cursor) = next.as_str() {
        let (more, after) = list(&format!("limit=2&cursor={cursor}")).await;
        all.extend(more);
        next = after;
    }
    let [a, b] = [&ana_id, &bo_id];
    assert_eq!(
        all.iter().collect::<Vec<_>>(),
        [a, a, b, b, a, a, &admin_id]
    );
    assert_eq!(
        list(&format!("target={}", bo.id)).await.0,
        vec![bo_id.clone(); 3]
    );
    assert_eq!(list("actor=operator").await.0, [admin_id]);
    let both = format!("actor={}&target={}", admin.id, ana.id);
    assert_eq!(list(&both).await.0, vec![ana_id; 4]);
    assert_eq!(list(&format!("actor={}", ana.id)).await.0, [Value::Null; 0]);
    for (query, field) in [("actor=me", "actor"), ("target=x", "target")] {
        let answer = admin.get(&format!("{PATH}?{query}")).await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, [field]);
    }
}
