use bson::doc;

use crate::{auth, documents, ids, user};

#[tokio::test]
async fn ending_a_session_logs_that_device_out() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    ana.log_in_again().await;
    let list = ana.get("/api/auth/sessions").await.expect(200);
    let path = format!("/api/auth/sessions/{}", ids(&list)[0]);
    for _ in 0..2 {
        assert_eq!(ana.delete(&path).await.status, 204);
    }
    let alive = documents(&stack, "sessions", doc! { "revoked_at": null }).await;
    let alive: Vec<String> = alive
        .iter()
        .map(|it| it.get_object_id("_id").unwrap().to_hex())
        .collect();
    assert_eq!(alive, ids(&list)[1..]);
}

#[tokio::test]
async fn somebody_elses_session_is_not_there() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let list = bo.get("/api/auth/sessions").await.expect(200);
    for id in [ids(&list)[0].as_str(), "000000000000000000000000", "x"] {
        let refused = ana.delete(&format!("/api/auth/sessions/{id}")).await;
        refused.expect_problem(404, "session_not_found");
    }
    assert_eq!(
        documents(&stack, "sessions", doc! { "revoked_at": null })
            .await
            .len(),
        2
    );
}
