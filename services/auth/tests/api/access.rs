use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Client, Method, Stack};

use crate::{auth, user};

/// An operation and the status that each of [`ROLES`] gets.
struct Row {
    name: &'static str,
    body: Option<&'static str>,
    expected: [u16; ROLES.len()],
}

/// Who calls: nobody in particular; the private account that the operation is
/// about; its accepted follower; somebody it does not know; somebody it blocks;
/// a moderator whom it blocks.
const ROLES: [&str; 6] = [
    "anonymous",
    "owner",
    "follower",
    "stranger",
    "blocked",
    "moderator",
];

/// In an order in which no operation spoils the stage for the next.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    Row { name: "jwks",       body: None,       expected: [200, 200, 200, 200, 200, 200] },
    Row { name: "register",   body: Some("{}"), expected: [422, 422, 422, 422, 422, 422] },
    Row { name: "login",      body: Some("{}"), expected: [422, 422, 422, 422, 422, 422] },
    Row { name: "me",         body: None,       expected: [401, 200, 200, 200, 200, 200] },
    Row { name: "update_me",  body: Some("{}"), expected: [401, 200, 200, 200, 200, 200] },
    Row { name: "get_user",   body: None,       expected: [401, 200, 200, 200, 404, 200] },
    Row { name: "followers",  body: None,       expected: [401, 200, 200, 404, 404, 200] },
    Row { name: "following",  body: None,       expected: [401, 200, 200, 404, 404, 200] },
    // A moderator may look, and otherwise is somebody who is blocked.
    Row { name: "follow",     body: None,       expected: [401, 422, 200, 200, 404, 404] },
    Row { name: "unfollow",   body: None,       expected: [401, 422, 200, 200, 404, 200] },
    Row { name: "logout",     body: None,       expected: [401, 204, 204, 204, 204, 204] },
    Row { name: "logout_all", body: None,       expected: [401, 204, 204, 204, 204, 204] },
];

/// The id of the account that the operations are about, and the callers.
async fn stage(stack: &Stack) -> (String, [Client; ROLES.len()]) {
    let owner = user(stack, "owner").await;
    let follower = user(stack, "follower").await;
    let stranger = user(stack, "stranger").await;
    let blocked = user(stack, "blocked").await;
    let moderator = user(stack, "moderator").await;
    follower.follow(&owner).await;
    stack.make_private(&owner).await;
    stack.make_moderator(&moderator).await;
    stack.block(&owner, &blocked).await;
    stack.block(&owner, &moderator).await;
    let callers = [&owner, &follower, &stranger, &blocked, &moderator];
    let [owner_client, follower, stranger, blocked, moderator] =
        callers.map(|user| Client::clone(user));
    let callers = [
        stack.insider(),
        owner_client,
        follower,
        stranger,
        blocked,
        moderator,
    ];
    (owner.id.clone(), callers)
}

#[tokio::test]
async fn every_operation_is_for_those_it_is_meant_for() {
    let routes = auth::routes();
    let registered: BTreeSet<&str> = routes.iter().map(|route| route.name).collect();
    let tabled: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(
        registered, tabled,
        "an operation without a row, or a row without one"
    );

    let stack = auth().await;
    let (owner, callers) = stage(&stack).await;
    for row in TABLE {
        let route = routes.iter().find(|route| route.name == row.name).unwrap();
        let method: Method = route.method.as_str().parse().unwrap();
        let path = route.path.replace("{id}", &owner);
        for ((caller, role), expected) in callers.iter().zip(ROLES).zip(row.expected) {
            let mut request = caller.request(method.clone(), &path);
            if let Some(body) = row.body {
                let body: Value = serde_json::from_str(body).unwrap();
                request = request.json(&body);
            }
            let answer = caller.send(request).await;
            assert_eq!(
                answer.status, expected,
                "{} as {role}: {answer:?}",
                row.name
            );
            if expected == 401 {
                answer.expect_problem(401, "missing_token");
            }
        }
    }
}

#[tokio::test]
async fn an_account_that_is_locked_does_nothing_with_the_token_it_has() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    stack.suspend(&ana).await;
    let id = &bo.id;
    for (method, path) in [
        (Method::GET, "/api/auth/me".to_owned()),
        (Method::GET, format!("/api/users/{id}")),
        (Method::POST, format!("/api/users/{id}/follow")),
        (Method::DELETE, format!("/api/users/{id}/follow")),
        (Method::GET, format!("/api/users/{id}/followers")),
        (Method::GET, format!("/api/users/{id}/following")),
    ] {
        let answer = ana.send(ana.request(method, &path)).await;
        answer.expect_problem(403, "account_not_active");
    }
    let answer = ana.patch("/api/users/me", &json!({ "bio": "x" })).await;
    answer.expect_problem(403, "account_not_active");
}
