//! A request with an `Idempotency-Key` may be sent again.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, Method, Response, Stack};

use crate::{path, patient, planted};

async fn create(client: &Client, key: &str, body: &Value) -> Response {
    let request = client.request(Method::POST, "/api/posts");
    let request = request.header("idempotency-key", key).json(body);
    client.send(request).await
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_whatever_became_of_the_post() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let body = json!({ "content": "hi", "media_urls": [] });
    let first = create(&ana, "k1", &body).await;
    let post = first.expect(201);
    // The order of fields is not what a body says.
    let again = json!({ "media_urls": [], "content": "hi" });
    for change in ["edit", "delete"] {
        let second = create(&ana, "k1", &again).await;
        assert_eq!(
            (second.status, &second.body),
            (201, &first.body),
            "{change}"
        );
        assert_eq!(second.header("content-type"), first.header("content-type"));
        if change == "edit" {
            let edit = json!({ "caption": "edited" });
            ana.patch(&path(&post), &edit).await.expect(200);
        } else {
            ana.delete(&path(&post)).await.expect(204);
        }
    }
    assert_eq!(create(&ana, "k1", &body).await.body, first.body);
    assert_eq!(planted::count(&stack, &ana).await, Some((0, 2)));
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_person() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let body = json!({ "content": "hi" });
    let first = create(&ana, "k1", &body).await.expect(201);
    create(&ana, "k1", &json!({ "content": "ho" }))
        .await
        .expect_problem(422, "idempotency_key_reused");
    let other_key = create(&ana, "k2", &body).await.expect(201);
    let other_person = create(&bo, "k1", &body).await.expect(201);
    assert_ne!(first["_id"], other_key["_id"]);
    assert_eq!(other_person["user_id"], bo.id.as_str());
    create(&ana, "", &body)
        .await
        .expect_problem(400, "invalid_idempotency_key");
    // What was refused was not done, so the key is free.
    create(&ana, "k3", &json!({})).await.expect(422);
    create(&ana, "k3", &body).await.expect(201);
    assert_eq!(planted::count(&stack, &ana).await, Some((3, 3)));
}

#[tokio::test]
async fn the_same_request_many_times_at_once_makes_one_post() {
    let stack = patient().await;
    let ana = stack.user("ana").await;
    let body = json!({ "content": "hi" });
    for key in ["k1", "k2"] {
        let answers = join_all((0..12).map(|_| create(&ana, key, &body))).await;
        for answer in &answers {
            answer.expect(201);
            assert_eq!(answer.body, answers[0].body);
        }
    }
    assert_eq!(ana.feed().await.len(), 2);
    assert_eq!(planted::count(&stack, &ana).await, Some((2, 2)));
}

#[tokio::test]
async fn of_different_requests_with_one_key_at_once_one_is_done() {
    let stack = patient().await;
    let ana = stack.user("ana").await;
    let bodies: Vec<Value> = (0..8)
        .map(|n| json!({ "content": n.to_string() }))
        .collect();
    let answers = join_all(bodies.iter().map(|body| create(&ana, "k", body))).await;
    let (done, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((done.len(), refused.len()), (1, 7));
    for answer in refused {
        answer.expect_problem(422, "idempotency_key_reused");
    }
}
