use bson::doc;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, Stack, User};

use crate::{auth, documents, user};

const PATH: &str = "/api/reports";
const NOBODY: &str = "000000000000000000000000";

fn about(target: &str, reason: &str) -> Value {
    json!({ "target_type": "user", "target_id": target, "reason": reason })
}

async fn report(by: &User, body: &Value) -> Value {
    by.post(PATH, body).await.expect(202)
}

/// Each open case with how many reports it has, by the queue.
async fn counts(stack: &Stack) -> Vec<(Value, Value)> {
    let queue = stack.administrator().await.list("/api/admin/reports").await;
    let counts = queue.into_iter();
    let counts = counts.map(|it| (it["target_id"].clone(), it["reports_count"].clone()));
    counts.collect()
}

#[tokio::test]
async fn a_report_is_taken_and_the_reporter_learns_no_more_than_that() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let answer = report(&ana, &about(&bo.id, "harassment")).await;
    let id = answer["_id"].as_str().unwrap();
    assert_eq!(answer, json!({ "_id": id, "status": "open" }));
    ana.get(&format!("/api/admin/reports/{id}"))
        .await
        .expect_problem(403, "forbidden");
}

#[tokio::test]
async fn reporting_again_is_answered_as_the_first_time_and_counts_once() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let first = report(&ana, &about(&bo.id, "spam")).await;
    let again = report(&ana, &about(&bo.id, "hate")).await;
    assert_eq!(first, again);
    assert_eq!(counts(&stack).await, [(json!(bo.id), json!(1))]);
}

#[tokio::test]
async fn reports_at_the_same_moment_are_one_case_that_counts_them_all() {
    let stack = auth().await;
    let bo = user(&stack, "bo").await;
    let crowd = crate::crowd(&stack, 8).await;
    let body = about(&bo.id, "spam");
    let answers = crowd
        .iter()
        .map(async |one| one.post(PATH, &body).await.expect(202));
    let ids = join_all(answers).await;
    assert_eq!(counts(&stack).await, [(json!(bo.id), json!(8))]);
    let reports = documents(&stack, "reports", doc! {}).await;
    assert_eq!((reports.len(), ids.len()), (8, 8));
    let case = |n: usize| reports[n].get_object_id("case_id").unwrap();
    assert!((1..8).all(|n| case(n) == case(0)));
}

#[tokio::test]
async fn a_key_gets_the_first_answer_again_and_no_other_request() {
    let stack = auth().await;
    let (ana, bo, cy) = (
        user(&stack, "ana").await,
        user(&stack, "bo").await,
        user(&stack, "cy").await,
    );
    let keyed = Client::clone(&ana).with_header("idempotency-key", "k-1");
    let first = keyed.post(PATH, &about(&bo.id, "spam")).await.expect(202);
    let admin = stack.administrator().await;
    admin.suspend(&bo).await;
    let again = keyed.post(PATH, &about(&bo.id, "spam")).await.expect(202);
    assert_eq!(first, again);
    keyed
        .post(PATH, &about(&cy.id, "spam"))
        .await
        .expect_problem(422, "idempotency_key_reused");
    assert_eq!(counts(&stack).await.len(), 1);
}

#[tokio::test]
async fn requests_with_one_key_at_the_same_moment_are_one_report() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let keyed = Client::clone(&ana).with_header("idempotency-key", "k-1");
    let body = about(&bo.id, "spam");
    let answers = (0..6).map(|_| async { keyed.post(PATH, &body).await.expect(202) });
    let answers = join_all(answers).await;
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:?}"
    );
    assert_eq!(counts(&stack).await, [(json!(bo.id), json!(1))]);
}

#[tokio::test]
async fn what_is_not_there_or_ones_own_cannot_be_reported() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let post = async |target: &str| ana.post(PATH, &about(target, "spam")).await;
    post(NOBODY).await.expect_problem(404, "user_not_found");
    post(&ana.id)
        .await
        .expect_problem(422, "cannot_report_yourself");
    bo.block(&ana).await;
    post(&bo.id).await.expect_problem(404, "user_not_found");
    stack.suspend(&ana).await;
    post(&bo.id).await.expect_problem(403, "account_not_active");
}

#[tokio::test]
async fn what_breaks_a_rule_is_named() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let with = |field: &str, value: Value| {
        let mut body = about(&bo.id, "spam");
        body[field] = value;
        body
    };
    for (body, field) in [
        (with("target_type", json!("house")), "target_type"),
        (with("target_id", json!("@bo")), "target_id"),
        (with("reason", json!("boring")), "reason"),
        (with("details", json!("x".repeat(1_001))), "details"),
        (with("status", json!("resolved")), "status"),
    ] {
        let answer = ana.post(PATH, &body).await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, [field], "{body}");
    }
    assert_eq!(counts(&stack).await, []);
}

#[tokio::test]
async fn a_day_has_so_many_reports_and_repeating_one_is_none() {
    let builder = Stack::builder().without_gateway().without_posts();
    let stack = builder.setting("report-limit", "2").start().await;
    let ana = user(&stack, "ana").await;
    let others = crate::crowd(&stack, 3).await;
    let post = async |n: usize| ana.post(PATH, &about(&others[n].id, "spam")).await;
    let first = post(0).await.expect(202);
    post(1).await.expect(202);
    let refused = post(2).await;
    refused.expect_problem(429, "report_limit_reached");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((86_000..=86_400).contains(&wait), "{wait}");
    assert_eq!(post(0).await.expect(202), first);
    stack.clock().advance(std::time::Duration::from_hours(24));
    post(2).await.expect(202);
}

#[tokio::test]
async fn posts_are_reported_with_what_they_said_and_only_by_whom_they_are_for() {
    let stack = Stack::builder().without_gateway().start().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let door = stack.posts_insider();
    let body = json!({ "content": "buy this" });
    let post = bo.at(&door).post("/api/posts", &body).await.expect(201);
    let body = json!({ "target_type": "post", "target_id": post["_id"], "reason": "spam" });
    bo.post(PATH, &body)
        .await
        .expect_problem(422, "cannot_report_yourself");
    let answer = report(&ana, &body).await;
    let edit = json!({ "caption": "a poem" });
    let path = format!("/api/posts/{}", post["_id"].as_str().unwrap());
    bo.at(&door).patch(&path, &edit).await.expect(200);
    let path = format!("/api/admin/reports/{}", answer["_id"].as_str().unwrap());
    let case = stack.administrator().await.get(&path).await.expect(200);
    assert_eq!(case["content"]["text"], "buy this");
    assert_eq!(case["user_id"], bo.id.as_str());

    bo.block(&ana).await;
    let body = json!({ "content": "only for some" });
    let unseen = bo.at(&door).post("/api/posts", &body).await.expect(201);
    for id in [&unseen["_id"], &json!(NOBODY)] {
        let body = json!({ "target_type": "post", "target_id": id, "reason": "spam" });
        ana.post(PATH, &body)
            .await
            .expect_problem(404, "content_not_found");
    }
}

#[tokio::test]
async fn without_posts_only_what_it_owns_cannot_be_reported() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let body = json!({ "target_type": "comment", "target_id": NOBODY, "reason": "spam" });
    let answer = ana.post(PATH, &body).await;
    answer.expect_problem(503, "unavailable");
    report(&ana, &about(&bo.id, "spam")).await;
    for kind in ["reel", "message"] {
        let body = json!({ "target_type": kind, "target_id": NOBODY, "reason": "spam" });
        report(&ana, &body).await;
    }
}
