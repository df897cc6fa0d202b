use bson::doc;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Stack, User, eventually};

use crate::{SOON, auth, documents, user};

async fn report(by: &User, kind: &str, target: &Value) -> String {
    let body = json!({ "target_type": kind, "target_id": target, "reason": "hate" });
    let answer = by.post("/api/reports", &body).await.expect(202);
    answer["_id"].as_str().unwrap().to_owned()
}

fn path(id: &str) -> String {
    format!("/api/admin/reports/{id}/resolve")
}

/// A moderator who is no administrator, and two people.
async fn scene(stack: &Stack) -> [User; 3] {
    let moderator = user(stack, "moderator").await;
    stack.make_moderator(&moderator).await;
    [moderator, user(stack, "ana").await, user(stack, "bo").await]
}

#[tokio::test]
async fn a_decision_ends_all_reports_about_the_same_and_holds() {
    let stack = auth().await;
    let [moderator, ana, bo] = scene(&stack).await;
    let cy = user(&stack, "cy").await;
    report(&ana, "user", &json!(bo.id)).await;
    let second = report(&cy, "user", &json!(bo.id)).await;
    let body = json!({ "action": "dismiss", "note": " fine \n" });
    let case = moderator.post(&path(&second), &body).await.expect(200);
    assert_eq!(
        (&case["status"], &case["reports_count"]),
        (&json!("resolved"), &json!(2))
    );
    assert_eq!(case["resolution"]["note"], "fine");
    assert_eq!(case["resolution"]["moderator_id"], moderator.id.as_str());
    moderator
        .post(&path(&second), &body)
        .await
        .expect_problem(409, "report_already_resolved");
    assert_eq!(moderator.list("/api/admin/reports").await, [Value::Null; 0]);
    // What is reported once more is a case once more.
    let third = report(&ana, "user", &json!(bo.id)).await;
    let again = moderator.post(&path(&third), &body).await.expect(200);
    assert_eq!(again["reports_count"], 1);
}

#[tokio::test]
async fn of_two_decisions_at_the_same_moment_one_is_made() {
    let stack = auth().await;
    let [moderator, ana, bo] = scene(&stack).await;
    let admin = stack.administrator().await;
    let id = report(&ana, "user", &json!(bo.id)).await;
    let (path, body) = (path(&id), json!({ "action": "shadow_ban" }));
    let decide = async |by: &User| by.post(&path, &body).await.status;
    let mut statuses = join_all([decide(&moderator), decide(admin)]).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let resolved = documents(&stack, "audit_log", doc! { "act": "case_resolved" }).await;
    assert_eq!(resolved.len(), 1);
}

#[tokio::test]
async fn what_is_decided_about_an_account_is_done_and_written_down() {
    let stack = auth().await;
    let [moderator, ana, bo] = scene(&stack).await;
    let id = report(&ana, "user", &json!(bo.id)).await;
    let body = json!({ "action": "suspend", "note": "threats" });
    let case = moderator.post(&path(&id), &body).await.expect(200);
    assert_eq!(case["user"]["status"], "suspended");
    let login = json!({ "email": bo.email, "password": bo.password });
    let refused = stack.insider().post("/api/auth/login", &login).await;
    refused.expect_problem(403, "account_not_active");
    let log = moderator.list("/api/admin/audit").await;
    let acts: Vec<&Value> = log.iter().take(2).map(|it| &it["act"]).collect();
    assert_eq!(acts, ["account_changed", "case_resolved"]);
    for entry in &log[..2] {
        assert_eq!(entry["actor"], moderator.id.as_str());
        assert_eq!(entry["target_id"], bo.id.as_str());
        assert_eq!(entry["case_id"], id.as_str());
        assert_eq!(entry["reason"], "threats");
    }
}

#[tokio::test]
async fn content_that_is_to_go_is_gone_and_its_author_can_be_shadow_banned() {
    let stack = Stack::builder().without_gateway().start().await;
    let [moderator, ana, bo] = scene(&stack).await;
    let door = stack.posts_insider();
    let publish = async |text: &str| {
        let body = json!({ "content": text });
        bo.at(&door).post("/api/posts", &body).await.expect(201)["_id"].clone()
    };
    let (first, second) = (publish("one").await, publish("two").await);
    let id = report(&ana, "post", &first).await;
    let body = json!({ "action": "remove_content" });
    moderator.post(&path(&id), &body).await.expect(200);
    let seen = async |by: &User, post: &Value| {
        let path = format!("/api/posts/{}", post.as_str().unwrap());
        by.at(&door).get(&path).await.status
    };
    eventually(SOON, async || seen(&ana, &first).await == 404).await;
    let id = report(&ana, "post", &second).await;
    let body = json!({ "action": "shadow_ban" });
    moderator.post(&path(&id), &body).await.expect(200);
    assert_eq!(
        (seen(&ana, &second).await, seen(&bo, &second).await),
        (404, 200)
    );
}

#[tokio::test]
async fn what_cannot_be_done_leaves_the_case_open() {
    let stack = auth().await;
    let [moderator, ana, _] = scene(&stack).await;
    let admin = stack.administrator().await;
    let of_admin = report(&ana, "user", &json!(admin.id)).await;
    let suspend = json!({ "action": "suspend" });
    let refused = moderator.post(&path(&of_admin), &suspend).await;
    refused.expect_problem(403, "forbidden");
    let reel = report(&ana, "reel", &json!("000000000000000000000000")).await;
    for (id, action) in [(&of_admin, "remove_content"), (&reel, "shadow_ban")] {
        let answer = moderator
            .post(&path(id), &json!({ "action": action }))
            .await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, ["action"]);
    }
    assert_eq!(moderator.list("/api/admin/reports").await.len(), 2);
    let log = moderator.list("/api/admin/audit").await;
    assert!(log.iter().all(|it| it["act"] != "case_resolved"), "{log:?}");
    for unknown in ["000000000000000000000000", "x"] {
        let answer = moderator.post(&path(unknown), &suspend).await;
        answer.expect_problem(404, "report_not_found");
    }
}
