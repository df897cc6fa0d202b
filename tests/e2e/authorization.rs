//! Every operation is there for those it is for.

use serde_json::json;
use testkit::{Method, Stack, User};

use crate::operations::{inside, operations};

#[tokio::test]
async fn every_operation_is_reached_through_the_gateway() {
    let stack = Stack::builder().patient().start().await;
    let ana = stack.user("ana").await;
    for operation in operations() {
        // Whoever has logged out is nobody.
        let client = if operation.name.starts_with("logout") {
            (*ana.log_in_again().await).clone()
        } else if operation.is_public {
            stack.anonymous()
        } else {
            (*ana).clone()
        };
        let answer = operation.ask(&client).await;
        let code = answer.problem_code();
        let is_stopped = ["not_found", "missing_token", "method_not_allowed"].contains(&&*code);
        assert!(!is_stopped, "{}: {answer:?}", operation.name);
        assert!(answer.status < 500, "{}: {answer:?}", operation.name);
    }
}

#[tokio::test]
async fn what_moderators_do_is_for_nobody_else() {
    let stack = Stack::builder().patient().start().await;
    let (ana, moderator) = tokio::join!(stack.user("ana"), stack.user("moderator"));
    stack.make_moderator(&moderator).await;
    let all = operations();
    let theirs: Vec<_> = all
        .iter()
        .filter(|it| it.path.starts_with("/api/admin"))
        .collect();
    assert!(theirs.iter().any(|it| it.method == Method::PATCH));
    for operation in theirs {
        for door in [stack.anonymous(), inside(&stack, operation.service)] {
            let ask = async |user: &User| {
                let client = user.at(&door);
                let request = client.request(operation.method.clone(), &operation.path);
                let request = match operation.name {
                    "moderate_user" => request.json(&json!({ "is_verified": true })),
                    "resolve_report" => request.json(&json!({ "action": "dismiss" })),
                    _ => request,
                };
                client.send(request).await
            };
            let answer = ask(&ana).await;
            assert_eq!(answer.status, 403, "{}: {answer:?}", operation.name);
            answer.expect_problem(403, "forbidden");
            let answer = ask(&moderator).await;
            assert_ne!(answer.status, 403, "{}: {answer:?}", operation.name);
        }
    }
}
