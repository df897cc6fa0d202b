use bson::doc;
use futures_util::future::join_all;
use serde_json::json;
use testkit::{Stack, User};

use crate::{auth, documents, user};

fn path(user: &User) -> String {
    format!("/api/admin/users/{}", user.id)
}

async fn moderator(stack: &Stack) -> User {
    let moderator = user(stack, "moderator").await;
    stack.make_moderator(&moderator).await;
    moderator
}

#[tokio::test]
async fn what_moderators_decide_is_shown_done_and_written_down() {
    let stack = auth().await;
    let (moderator, ana, bo) = (
        moderator(&stack).await,
        user(&stack, "ana").await,
        user(&stack, "bo").await,
    );
    let change = json!({ "isShadowBanned": true, "is_verified": true, "reason": "looked at it" });
    let seen = moderator.patch(&path(&bo), &change).await.expect(200);
    assert_eq!(
        [
            &seen["isShadowBanned"],
            &seen["is_verified"],
            &seen["status"],
            &seen["role"]
        ],
        [&json!(true), &json!(true), &json!("active"), &json!("user")]
    );
    assert_eq!(seen.get("email"), None);
    assert_eq!(moderator.get(&path(&bo)).await.expect(200), seen);
    let profile = format!("/api/users/{}", bo.id);
    ana.get(&profile)
        .await
        .expect_problem(404, "user_not_found");
    let own = bo.me().await;
    assert_eq!((own.get("isShadowBanned"), own.get("status")), (None, None));
    let log = moderator.list("/api/admin/audit").await;
    assert_eq!(log[0]["actor"], moderator.id.as_str());
    assert_eq!(log[0]["reason"], "looked at it");
    assert_eq!(
        log[0]["before"],
        json!({ "isShadowBanned": false, "is_verified": false })
    );
    assert_eq!(
        log[0]["after"],
        json!({ "isShadowBanned": true, "is_verified": true })
    );
    // Again, by name: nothing is changed, and nothing written down.
    let by_name = format!("/api/admin/users/@{}", bo.username.to_uppercase());
    let again = moderator.patch(&by_name, &change).await.expect(200);
    assert_eq!(again["updated_at"], seen["updated_at"]);
    assert_eq!(moderator.list("/api/admin/audit").await.len(), log.len());
}

#[tokio::test]
async fn a_suspension_ends_all_logins_and_its_end_lets_log_in_again() {
    let stack = auth().await;
    let (moderator, ana) = (moderator(&stack).await, user(&stack, "ana").await);
    ana.log_in_again().await;
    let suspended = json!({ "status": "suspended" });
    moderator.patch(&path(&ana), &suspended).await.expect(200);
    let alive = doc! { "user_id": ana.id.parse::<domain::UserId>().unwrap(), "revoked_at": null };
    assert!(documents(&stack, "sessions", alive).await.is_empty());
    let login = json!({ "email": ana.email, "password": ana.password });
    let refused = stack.insider().post("/api/auth/login", &login).await;
    refused.expect_problem(403, "account_not_active");
    let active = json!({ "status": "active" });
    moderator.patch(&path(&ana), &active).await.expect(200);
    ana.log_in_again().await.me().await;
}

#[tokio::test]
async fn roles_are_for_administrators_and_moderators_are_beyond_each_other() {
    let stack = auth().await;
    let (moderator, ana) = (moderator(&stack).await, user(&stack, "ana").await);
    let admin = stack.administrator().await;
    let other = user(&stack, "other").await;
    stack.make_moderator(&other).await;
    for (target, change) in [
        (&ana, json!({ "role": "moderator" })),
        (&ana, json!({ "role": "user" })),
        (&other, json!({ "isShadowBanned": true })),
        (admin, json!({ "status": "suspended" })),
        (&moderator, json!({ "role": "admin" })),
    ] {
        let answer = moderator.patch(&path(target), &change).await;
        answer.expect_problem(403, "forbidden");
    }
    for change in [json!({ "role": "user" }), json!({ "status": "suspended" })] {
        let answer = admin.patch(&path(admin), &change).await;
        answer.expect_problem(422, "cannot_moderate_yourself");
    }
    admin.change(&other, json!({ "role": "user" })).await;
    let answer = other
        .patch(&path(&ana), &json!({ "is_verified": true }))
        .await;
    answer.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn administrators_who_demote_each_other_leave_one() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let admin = stack.administrator().await;
    for round in 0..8 {
        admin.make_admin(&ana).await;
        admin.make_admin(&bo).await;
        let demote = json!({ "role": "user" });
        let act = async |by: &User, of: &User| by.patch(&path(of), &demote).await.status;
        let mut statuses = join_all([act(&ana, &bo), act(&bo, &ana)]).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403], "round {round}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let stack = auth().await;
    let (moderator, ana) = (moderator(&stack).await, user(&stack, "ana").await);
    let before = moderator.get(&path(&ana)).await.expect(200);
    for (body, field) in [
        (json!({ "status": "deleted" }), "status"),
        (json!({ "role": "king" }), "role"),
        (json!({ "isShadowBanned": "yes" }), "isShadowBanned"),
        (
            json!({ "is_verified": true, "reason": "x".repeat(1_001) }),
            "reason",
        ),
        (json!({ "email": "x@example.org" }), "email"),
    ] {
        let answer = moderator.patch(&path(&ana), &body).await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, [field], "{body}");
    }
    assert_eq!(moderator.get(&path(&ana)).await.expect(200), before);
    for unknown in ["000000000000000000000000", "@nobody", "x"] {
        let path = format!("/api/admin/users/{unknown}");
        let answer = moderator.patch(&path, &json!({})).await;
        answer.expect_problem(404, "user_not_found");
    }
}
