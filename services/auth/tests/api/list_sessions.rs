use std::time::Duration;

use serde_json::{Value, json};
use testkit::User;

use crate::{auth, ids, user};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn sessions(ana: &User, query: &str) -> Value {
    let path = format!("/api/auth/sessions{query}");
    ana.get(&path).await.expect(200)
}

#[tokio::test]
async fn devices_are_listed_newest_first_as_people_call_them() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    stack.clock().advance(Duration::from_hours(1));
    let door = stack.insider().with_header("user-agent", FIREFOX);
    let door = door.with_header("x-forwarded-for", "203.0.113.9");
    let body = json!({ "email": ana.email, "password": ana.password });
    door.post("/api/auth/login", &body).await.expect(200);
    let list = sessions(&ana, "").await;
    let [newest, own] = list["items"].as_array().unwrap().as_slice() else {
        panic!("{list}")
    };
    assert_eq!(newest["device"], "Firefox on Linux");
    assert_eq!(
        (&newest["ip"], &newest["is_current"]),
        (&json!("203.0.113.9"), &json!(false))
    );
    assert_eq!(own["is_current"], true);
    for field in [
        "_id",
        "user_agent",
        "created_at",
        "last_seen_at",
        "expires_at",
    ] {
        assert!(newest.get(field).is_some(), "{field}");
    }
}

#[tokio::test]
async fn a_page_goes_on_where_the_one_before_ended_whatever_comes_and_goes() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    for _ in 0..4 {
        ana.log_in_again().await;
    }
    let all = ids(&sessions(&ana, "").await);
    assert_eq!(all.len(), 5);
    let first = sessions(&ana, "?limit=2").await;
    assert_eq!(ids(&first), all[..2]);
    // One that was shown goes, one comes, and one that was not shown yet goes.
    ana.log_in_again().await;
    for gone in [&all[0], &all[3]] {
        let path = format!("/api/auth/sessions/{gone}");
        assert_eq!(ana.delete(&path).await.status, 204);
    }
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = sessions(&ana, &format!("?limit=2&cursor={cursor}")).await;
    assert_eq!(ids(&second), [all[2].clone(), all[4].clone()]);
    assert_eq!(second["has_more"], false);
    assert_eq!(ids(&sessions(&ana, "?page=2&limit=3").await).len(), 1);
}

#[tokio::test]
async fn a_device_that_comes_back_after_hours_was_seen_then() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let seen = async || sessions(&ana, "").await["items"][0]["last_seen_at"].clone();
    let first = seen().await;
    stack.clock().advance(Duration::from_hours(2));
    ana.get("/api/auth/me").await.expect(200);
    testkit::eventually(crate::SOON, async || seen().await != first).await;
}

#[tokio::test]
async fn what_has_ended_or_is_somebody_elses_is_not_listed() {
    let stack = auth().await;
    let (ana, _bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let elsewhere = ana.log_in_again().await;
    elsewhere.log_out().await;
    assert_eq!(ids(&sessions(&ana, "").await).len(), 1);
}
