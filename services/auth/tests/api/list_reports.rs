use serde_json::{Value, json};
use testkit::{Stack, User};

use crate::{auth, crowd, user};

const PATH: &str = "/api/admin/reports";

async fn report(by: &testkit::Client, target: &str, reason: &str) {
    let body = json!({ "target_type": "user", "target_id": target, "reason": reason });
    by.post("/api/reports", &body).await.expect(202);
}

/// Reports everybody once, in their order.
async fn everybody_is_reported(stack: &Stack, count: usize) -> (User, Vec<String>) {
    let ana = user(stack, "ana").await;
    let targets: Vec<String> = crowd(stack, count)
        .await
        .iter()
        .map(|it| it.id.clone())
        .collect();
    for target in &targets {
        report(&ana, target, "spam").await;
    }
    (ana, targets)
}

fn targets(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    let target = |it: &Value| it["target_id"].as_str().unwrap().to_owned();
    items.map(target).collect()
}

#[tokio::test]
async fn what_waits_longest_comes_first_with_all_that_is_known() {
    let stack = auth().await;
    let (ana, bo, cy) = (
        user(&stack, "ana").await,
        user(&stack, "bo").await,
        user(&stack, "cy").await,
    );
    bo.patch("/api/users/me", &json!({ "bio": "a threat" }))
        .await
        .expect(200);
    report(&ana, &bo.id, "violence").await;
    bo.patch("/api/users/me", &json!({ "bio": "a poem" }))
        .await
        .expect(200);
    report(&cy, &bo.id, "hate").await;
    report(&cy, &ana.id, "spam").await;
    let admin = stack.administrator().await;
    let list = admin.get(PATH).await.expect(200);
    assert_eq!(targets(&list), [bo.id.clone(), ana.id.clone()]);
    let case = &list["items"][0];
    assert_eq!(case["target_type"], "user");
    assert_eq!(case["reason"], "violence");
    assert_eq!(case["reporter"]["username"], ana.username.as_str());
    assert_eq!(case["reports_count"], 2);
    assert_eq!(case["reasons"], json!({ "violence": 1, "hate": 1 }));
    let text = case["content"]["text"].as_str().unwrap();
    assert!(
        text.contains(&bo.username) && text.ends_with("a threat"),
        "{text}"
    );
    assert_eq!(case["user"]["status"], "active");
    assert_eq!(case["resolution"], Value::Null);
    let path = format!("{PATH}/{}", case["_id"].as_str().unwrap());
    let full = admin.get(&path).await.expect(200);
    let reasons: Vec<&Value> = full["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["reason"])
        .collect();
    assert_eq!(reasons, ["hate", "violence"], "the newest first");
    assert!(
        full["reports"][0]["content"]["text"]
            .as_str()
            .unwrap()
            .ends_with("a poem")
    );
}

#[tokio::test]
async fn pages_hold_while_cases_come_and_go() {
    let stack = auth().await;
    let (ana, reported) = everybody_is_reported(&stack, 7).await;
    let admin = stack.administrator().await;
    let first = admin.get(&format!("{PATH}?limit=3")).await.expect(200);
    assert_eq!(targets(&first), reported[..3]);
    // The first is decided, and another comes.
    let id = first["items"][0]["_id"].as_str().unwrap();
    let decision = json!({ "action": "dismiss" });
    let path = format!("{PATH}/{id}/resolve");
    admin.post(&path, &decision).await.expect(200);
    let newcomer = user(&stack, "newcomer").await;
    report(&ana, &newcomer.id, "spam").await;
    let mut seen = targets(&first);
    let mut next = first["next_cursor"].clone();
    while let Some(cursor) = next.as_str() {
        let path = format!("{PATH}?limit=3&cursor={cursor}");
        let page = admin.get(&path).await.expect(200);
        seen.extend(targets(&page));
        next = page["next_cursor"].clone();
    }
    let expected = [&reported[..], std::slice::from_ref(&newcomer.id)].concat();
    assert_eq!(seen, expected);
    let second = admin
        .get(&format!("{PATH}?limit=3&page=2"))
        .await
        .expect(200);
    assert_eq!(targets(&second), reported[4..]);
}

#[tokio::test]
async fn the_queue_is_filtered_by_status_and_by_what_is_reported() {
    let stack = auth().await;
    let (ana, reported) = everybody_is_reported(&stack, 2).await;
    let nobody = "000000000000000000000000";
    let body = json!({ "target_type": "reel", "target_id": nobody, "reason": "nudity" });
    let reel = ana.post("/api/reports", &body).await.expect(202);
    let admin = stack.administrator().await;
    let list = async |query: &str| {
        let list = admin.get(&format!("{PATH}?{query}")).await.expect(200);
        targets(&list)
    };
    assert_eq!(list("target_type=reel").await, [nobody]);
    assert_eq!(list("status=resolved").await, [""; 0]);
    let path = format!("{PATH}/{}/resolve", reel["_id"].as_str().unwrap());
    let decision = json!({ "action": "dismiss" });
    admin.post(&path, &decision).await.expect(200);
    assert_eq!(list("status=resolved&target_type=reel").await, [nobody]);
    assert_eq!(list("status=open").await, reported);
    for (query, field) in [
        ("status=closed", "status"),
        ("target_type=house", "target_type"),
    ] {
        let answer = admin.get(&format!("{PATH}?{query}")).await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, [field]);
    }
}
