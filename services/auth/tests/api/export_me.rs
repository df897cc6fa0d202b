use bson::doc;
use serde_json::{Value, json};
use testkit::Stack;

use crate::{SOON, auth, crowd, plant, user};

const PATH: &str = "/api/auth/me/export";

fn names<'a>(export: &'a Value, list: &str) -> Vec<&'a str> {
    let people = export[list].as_array().unwrap().iter();
    people.map(|it| it["username"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn everything_that_is_known_of_somebody_is_in_one_object() {
    let stack = Stack::builder()
        .without_gateway()
        .without_worker()
        .start()
        .await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let (cy, di) = (user(&stack, "cy").await, user(&stack, "di").await);
    ana.follow(&bo).await;
    bo.follow(&ana).await;
    ana.block(&cy).await;
    ana.mute(&bo).await;
    ana.make_private().await;
    di.follow(&ana).await;
    let report = json!({ "target_type": "user", "target_id": bo.id, "reason": "spam" });
    ana.post("/api/reports", &report).await.expect(202);
    let posts = ana.at(&stack.posts_insider());
    let body = json!({ "content": "a post of mine" });
    posts.post("/api/posts", &body).await.expect(201);

    let answer = ana.get(PATH).await;
    let export = answer.expect(200);
    assert!(
        answer
            .header("content-disposition")
            .unwrap()
            .starts_with("attachment")
    );
    let account = &export["account"];
    assert_eq!(account["_id"], ana.id.as_str());
    assert_eq!(account["email"], ana.email.as_str());
    assert_eq!(account["dob"], "1990-05-17");
    assert_eq!(account["settings"]["notifications"]["likes"], true);
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(names(&export, "followers"), [bo.username.as_str()]);
    assert_eq!(names(&export, "following"), [bo.username.as_str()]);
    assert_eq!(names(&export, "follow_requests"), [di.username.as_str()]);
    assert_eq!(names(&export, "blocks"), [cy.username.as_str()]);
    assert_eq!(names(&export, "mutes"), [bo.username.as_str()]);
    assert_eq!(export["reports"][0]["reason"], "spam");
    assert_eq!(export["posts"][0]["caption"], "a post of mine");
    for secret in ["password", "$argon2id$", "isShadowBanned"] {
        assert!(!answer.text().contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn lists_that_are_longer_than_what_is_read_at_a_time_are_whole() {
    let stack = Stack::builder()
        .without_gateway()
        .without_worker()
        .start()
        .await;
    let ana = user(&stack, "ana").await;
    let followers = crowd(&stack, 450).await;
    let edges = followers.iter().map(|it| (it.id.clone(), ana.id.clone()));
    plant(&stack, edges, "accepted").await;
    let export = ana.get(PATH).await.expect(200);
    let exported = export["followers"].as_array().unwrap().iter();
    let exported: Vec<&str> = exported.map(|it| it["_id"].as_str().unwrap()).collect();
    let planted: Vec<&str> = followers.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(exported, planted);
    assert_eq!(export["following"], json!([]));
}

#[tokio::test]
async fn without_posts_there_is_no_half_of_an_export() {
    let mut stack = Stack::builder()
        .without_gateway()
        .without_worker()
        .start()
        .await;
    let ana = user(&stack, "ana").await;
    stack.stop_posts().await;
    let refused = ana.get(PATH).await;
    refused.expect_problem(503, "unavailable");
    assert!(refused.header("retry-after").is_some());
    stack.start_posts().await;
    testkit::eventually(SOON, async || ana.get(PATH).await.status == 200).await;
}

#[tokio::test]
async fn a_locked_account_exports_nothing() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let users = stack.mongodb().collection::<bson::Document>("users");
    let suspend = doc! { "$set": { "status": "suspended" } };
    users.update_many(doc! {}, suspend).await.unwrap();
    ana.get(PATH)
        .await
        .expect_problem(403, "account_not_active");
}
