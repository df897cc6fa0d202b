use cache::keys;
use domain::UserId;
use redis::AsyncCommands;
use serde_json::json;
use testkit::{Stack, User};

use crate::{auth, auth_with_outages, user};

fn id(user: &User) -> UserId {
    user.id.parse().unwrap()
}

/// The copies that others may have of two people, and what their feeds were
/// made on.
fn copies(one: &User, other: &User) -> [String; 6] {
    let (one, other) = (id(one), id(other));
    [
        keys::user(one),
        keys::user(other),
        keys::relation(one, other),
        keys::relation(other, one),
        keys::feed_version(one),
        keys::feed_version(other),
    ]
}

/// Plants all `keys`, lets somebody act, and returns which are left.
async fn left_after<T>(
    stack: &Stack,
    keys: &[String; 6],
    act: impl Future<Output = T>,
) -> Vec<bool> {
    let mut redis = stack.redis();
    for key in keys {
        let _: () = redis.set(key, "a copy").await.unwrap();
    }
    act.await;
    let mut left = Vec::new();
    for key in keys {
        left.push(redis.exists(key).await.unwrap());
    }
    left
}

#[tokio::test]
async fn copies_of_what_was_changed_are_gone_when_the_change_is_answered() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let keys = copies(&ana, &bo);
    let change = json!({ "bio": "new" });
    let left = left_after(&stack, &keys, ana.patch("/api/users/me", &change)).await;
    assert_eq!(left, [false, true, true, true, false, true]);
    let only_accounts = [true, true, false, false, false, true];
    let left = left_after(&stack, &keys, ana.follow(&bo)).await;
    assert_eq!(left, only_accounts);
    let again = left_after(&stack, &keys, ana.follow(&bo)).await;
    assert_eq!(again, only_accounts);
    let path = format!("/api/users/@{}/follow", bo.username);
    let left = left_after(&stack, &keys, ana.delete(&path)).await;
    assert_eq!(left, only_accounts);
}

#[tokio::test]
async fn what_is_refused_or_changes_no_account_forgets_nothing() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.block(&bo).await;
    let keys = copies(&ana, &bo);
    let path = format!("/api/users/{}/follow", bo.id);
    let left = left_after(&stack, &keys, ana.post_empty(&path)).await;
    assert_eq!(left, [true; 6]);
    let left = left_after(&stack, &keys, ana.patch("/api/users/me", &json!({}))).await;
    assert_eq!(left, [true; 6]);
}

#[tokio::test]
async fn without_redis_changes_are_made_all_the_same() {
    let stack = auth_with_outages().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    stack.sandbox().redis_proxy().hang();
    assert_eq!(ana.follow(&bo).await["following"], true);
    let changed = ana.patch("/api/users/me", &json!({ "bio": "new" })).await;
    assert_eq!(changed.expect(200)["bio"], "new");
    assert_eq!(ana.unfollow(&bo).await["following"], false);
}
