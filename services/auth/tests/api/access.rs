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

/// About the owner.
const REPORT: &str = r#"{"target_type": "user", "target_id": "{id}", "reason": "spam"}"#;
const DISMISSAL: &str = r#"{"action": "dismiss"}"#;

/// Not those of the callers.
const PASSWORDS: &str =
    r#"{"current_password": "a guess", "new_password": "correct horse stapler"}"#;
const PASSWORD: &str = r#"{"password": "a guess"}"#;

/// In an order in which no operation spoils the stage for the next.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    Row { name: "jwks",       body: None,       expected: [200, 200, 200, 200, 200, 200] },
    Row { name: "register",   body: Some("{}"), expected: [422, 422, 422, 422, 422, 422] },
    Row { name: "login",      body: Some("{}"), expected: [422, 422, 422, 422, 422, 422] },
    Row { name: "verify_email",    body: Some("{}"), expected: [422, 422, 422, 422, 422, 422] },
    Row { name: "forgot_password", body: Some("{}"), expected: [422, 422, 422, 422, 422, 422] },
    Row { name: "reset_password",  body: Some("{}"), expected: [422, 422, 422, 422, 422, 422] },
    Row { name: "me",         body: None,       expected: [401, 200, 200, 200, 200, 200] },
    Row { name: "update_me",  body: Some("{}"), expected: [401, 200, 200, 200, 200, 200] },
    Row { name: "resend_verification", body: None,             expected: [401, 202, 202, 202, 202, 202] },
    Row { name: "list_sessions",       body: None,             expected: [401, 200, 200, 200, 200, 200] },
    Row { name: "end_session",         body: None,             expected: [401, 404, 404, 404, 404, 404] },
    Row { name: "change_password",     body: Some(PASSWORDS),  expected: [401, 403, 403, 403, 403, 403] },
    Row { name: "delete_me",           body: Some(PASSWORD),   expected: [401, 403, 403, 403, 403, 403] },
    // Let in, but posts is not there.
    Row { name: "export_me",           body: None,             expected: [401, 503, 503, 503, 503, 503] },
    Row { name: "get_user",   body: None,       expected: [401, 200, 200, 200, 404, 200] },
    Row { name: "followers",  body: None,       expected: [401, 200, 200, 404, 404, 200] },
    Row { name: "following",  body: None,       expected: [401, 200, 200, 404, 404, 200] },
    Row { name: "search_users",           body: None, expected: [401, 422, 422, 422, 422, 422] },
    Row { name: "suggestions",            body: None, expected: [401, 200, 200, 200, 200, 200] },
    Row { name: "blocks",                 body: None, expected: [401, 200, 200, 200, 200, 200] },
    Row { name: "mutes",                  body: None, expected: [401, 200, 200, 200, 200, 200] },
    Row { name: "follow_requests",        body: None, expected: [401, 200, 200, 200, 200, 200] },
    Row { name: "accept_follow_request",  body: None, expected: [401, 404, 404, 404, 404, 404] },
    Row { name: "decline_follow_request", body: None, expected: [401, 404, 200, 200, 404, 200] },
    // A moderator may look, and otherwise is somebody who is blocked.
    Row { name: "follow",     body: None,       expected: [401, 422, 200, 200, 404, 404] },
    Row { name: "unfollow",   body: None,       expected: [401, 422, 200, 200, 404, 200] },
    Row { name: "mute",       body: None,       expected: [401, 422, 204, 204, 404, 404] },
    Row { name: "unmute",     body: None,       expected: [401, 422, 204, 204, 404, 204] },
    Row { name: "block",      body: None,       expected: [401, 422, 204, 204, 404, 404] },
    Row { name: "unblock",    body: None,       expected: [401, 422, 204, 204, 404, 204] },
    Row { name: "create_report",  body: Some(REPORT),    expected: [401, 422, 202, 202, 404, 202] },
    Row { name: "list_reports",   body: None,            expected: [401, 403, 403, 403, 403, 200] },
    Row { name: "get_report",     body: None,            expected: [401, 403, 403, 403, 403, 404] },
    Row { name: "resolve_report", body: Some(DISMISSAL), expected: [401, 403, 403, 403, 403, 404] },
    Row { name: "inspect_user",   body: None,            expected: [401, 403, 403, 403, 403, 200] },
    Row { name: "moderate_user",  body: Some("{}"),      expected: [401, 403, 403, 403, 403, 200] },
    Row { name: "audit_log",      body: None,            expected: [401, 403, 403, 403, 403, 200] },
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
    owner.make_private().await;
    stack.make_moderator(&moderator).await;
    owner.block(&blocked).await;
    owner.block(&moderator).await;
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
                let body = body.replace("{id}", &owner);
                let body: Value = serde_json::from_str(&body).unwrap();
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
        (Method::GET, "/api/auth/me/export".to_owned()),
        (Method::GET, "/api/auth/sessions".to_owned()),
        (Method::DELETE, format!("/api/auth/sessions/{id}")),
        (Method::POST, "/api/auth/email/resend".to_owned()),
        (Method::GET, format!("/api/users/{id}")),
        (Method::POST, format!("/api/users/{id}/follow")),
        (Method::DELETE, format!("/api/users/{id}/follow")),
        (Method::GET, format!("/api/users/{id}/followers")),
        (Method::GET, format!("/api/users/{id}/following")),
        (Method::GET, "/api/users/me/follow-requests".to_owned()),
        (
            Method::POST,
            format!("/api/users/me/follow-requests/{id}/accept"),
        ),
        (
            Method::POST,
            format!("/api/users/me/follow-requests/{id}/decline"),
        ),
        (Method::GET, "/api/users/me/blocks".to_owned()),
        (Method::GET, "/api/users/me/mutes".to_owned()),
        (Method::GET, "/api/users/search?q=a".to_owned()),
        (Method::GET, "/api/users/suggestions".to_owned()),
        (Method::POST, format!("/api/users/{id}/block")),
        (Method::DELETE, format!("/api/users/{id}/block")),
        (Method::POST, format!("/api/users/{id}/mute")),
        (Method::DELETE, format!("/api/users/{id}/mute")),
    ] {
        let answer = ana.send(ana.request(method, &path)).await;
        answer.expect_problem(403, "account_not_active");
    }
    let answer = ana.patch("/api/users/me", &json!({ "bio": "x" })).await;
    answer.expect_problem(403, "account_not_active");
}
