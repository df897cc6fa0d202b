use serde_json::json;

use crate::{auth, user};

#[tokio::test]
async fn any_report_leads_to_its_case() {
    let stack = auth().await;
    let (ana, bo, cy) = (
        user(&stack, "ana").await,
        user(&stack, "bo").await,
        user(&stack, "cy").await,
    );
    let body = json!({
        "target_type": "user", "target_id": cy.id, "reason": "other", "details": "it is late",
    });
    let mut cases = Vec::new();
    for reporter in [&ana, &bo] {
        let report = reporter.post("/api/reports", &body).await.expect(202);
        let path = format!("/api/admin/reports/{}", report["_id"].as_str().unwrap());
        let case = stack.administrator().await.get(&path).await.expect(200);
        assert_eq!(case["reports"][0]["reporter_id"], reporter.id.as_str());
        assert_eq!(case["details"], "it is late");
        cases.push(case["_id"].clone());
    }
    assert_eq!(cases[0], cases[1]);
}

#[tokio::test]
async fn an_unknown_report_is_not_found() {
    let stack = auth().await;
    let admin = stack.administrator().await;
    for id in ["000000000000000000000000", "x"] {
        let answer = admin.get(&format!("/api/admin/reports/{id}")).await;
        answer.expect_problem(404, "report_not_found");
    }
}
