use std::time::Duration;

use cache::redis::AsyncCommands;
use serde_json::{Value, json};
use testkit::{Client, Stack, User, eventually};

use crate::{SOON, paging::by_cursor, path, patient};

const TRENDING: &str = "/api/posts/trending/hashtags";

fn tags(items: &[Value]) -> Vec<&str> {
    items.iter().map(|it| it["tag"].as_str().unwrap()).collect()
}

async fn trending(user: &Client) -> Vec<Value> {
    let page = user.get(TRENDING).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

/// Scores fade while the test runs.
fn assert_trends(found: &[Value], expected: &[(&str, f64)]) {
    let names: Vec<&str> = expected.iter().map(|(tag, _)| *tag).collect();
    assert_eq!(tags(found), names);
    for (trend, (tag, score)) in found.iter().zip(expected) {
        let shown = trend["score"].as_f64().unwrap();
        assert!((shown - score).abs() < 0.02, "{tag}: {shown}");
    }
}

async fn users(stack: &Stack, count: usize) -> Vec<User> {
    let mut users = Vec::new();
    for n in 0..count {
        users.push(stack.user(&format!("u{n}")).await);
    }
    users
}

#[tokio::test]
async fn what_many_authors_use_comes_first() {
    let stack = patient().await;
    let users = users(&stack, 3).await;
    for _ in 0..5 {
        // Who says it again counts once.
        users[0].publish("#alone").await;
    }
    for user in &users {
        user.publish("#All of us").await;
    }
    users[1].publish("#two #ALL").await;
    users[2].publish("#two").await;
    let expected = [("all", 3.0), ("two", 2.0), ("alone", 1.0)];
    assert_trends(&trending(&users[0]).await, &expected);
}

#[tokio::test]
async fn what_was_said_long_ago_fades() {
    let stack = patient().await;
    let users = users(&stack, 3).await;
    for user in &users {
        user.publish("#old").await;
    }
    stack.clock().advance(Duration::from_hours(12));
    users[0].publish("#new").await;
    let expected = [("new", 1.0), ("old", 0.75)];
    assert_trends(&trending(&users[0]).await, &expected);
    let nearly_a_day = Duration::from_mins(24 * 60 - 1);
    stack.clock().advance(nearly_a_day);
    assert_eq!(tags(&trending(&users[0]).await), ["new"]);
    stack.clock().advance(Duration::from_mins(2));
    assert_eq!(trending(&users[0]).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_not_everybody_may_discover_does_not_count() {
    let stack = patient().await;
    let users = users(&stack, 3).await;
    users[0].make_private().await;
    stack.shadow_ban(&users[1]).await;
    users[0].publish("#private").await;
    users[1].publish("#banned").await;
    users[2].publish("#public").await;
    for user in &users {
        assert_eq!(tags(&trending(user).await), ["public"]);
    }
    // Nor does it when the ranking is built.
    stack.sandbox().flush_redis().await;
    assert_eq!(tags(&trending(&users[1]).await), ["public"]);
}

#[tokio::test]
async fn pages_join_while_others_write() {
    let stack = patient().await;
    let users = users(&stack, 2).await;
    let all: Vec<String> = (0..20).map(|n| format!("#tag{n:02}")).collect();
    users[0].publish(&all.join(" ")).await;
    for limit in [1, 3, 7] {
        let (mut seen, mut query) = (Vec::new(), String::new());
        for n in 0.. {
            let page = users[0]
                .get(&format!("{TRENDING}?limit={limit}&{query}"))
                .await;
            let page = page.expect(200);
            seen.extend(page["items"].as_array().unwrap().clone());
            if page["has_more"] == false {
                break;
            }
            query = by_cursor(&page, n);
            users[1].publish(&format!("#new{limit}x{n}")).await;
        }
        let seen = tags(&seen);
        let mut expected: Vec<String> = (0..20).map(|n| format!("tag{n:02}")).collect();
        expected.reverse();
        let kept: Vec<&str> = seen
            .iter()
            .copied()
            .filter(|tag| tag.starts_with("tag"))
            .collect();
        assert_eq!(kept, expected, "{limit} at a time");
    }
    let second = users[0]
        .get(&format!("{TRENDING}?limit=4&page=2"))
        .await
        .expect(200);
    assert_eq!(
        (&second["page"], &second["has_more"]),
        (&json!(2), &json!(true))
    );
    let first = trending(&users[0]).await;
    assert_eq!(second["items"].as_array().unwrap()[..], first[4..8]);
}

#[tokio::test]
async fn a_ranking_that_redis_has_forgotten_is_built_from_what_is_stored() {
    let stack = patient().await;
    let users = users(&stack, 3).await;
    for user in &users {
        user.publish("#all").await;
        user.publish("again #all").await;
    }
    let gone = users[0].publish("#gone").await;
    users[0].delete(&path(&gone)).await.expect(204);
    users[0].publish("#one").await;
    let expected = [("all", 3.0), ("one", 1.0)];
    stack.sandbox().flush_redis().await;
    for _ in 0..2 {
        assert_trends(&trending(&users[0]).await, &expected);
        // Built again, nothing counts twice.
        let _: usize = stack.redis().del("trending:tags:built").await.unwrap();
    }
}

#[tokio::test]
async fn without_redis_the_newest_posts_say_it() {
    let builder = Stack::builder().with_outages();
    let builder = builder.setting("auth-timeout", "10s");
    let stack = builder.setting("mongodb-timeout", "10s").start().await;
    let users = users(&stack, 2).await;
    for user in &users {
        user.publish("#all").await;
    }
    users[0].publish("#one").await;
    let inside = users[0].at(&stack.posts_insider());
    assert_eq!(tags(&trending(&inside).await), ["all", "one"]);
    let redis = stack.sandbox().redis_proxy();
    redis.cut();
    let first = inside.get(&format!("{TRENDING}?limit=1")).await.expect(200);
    assert_eq!(tags(first["items"].as_array().unwrap()), ["all"]);
    let next = format!("{TRENDING}?{}", by_cursor(&first, 0));
    let rest = inside.get(&next).await.expect(200);
    assert_eq!(tags(rest["items"].as_array().unwrap()), ["one"]);
    // What is posted meanwhile is posted, and does not count.
    users[1]
        .at(&stack.posts_insider())
        .post("/api/posts", &json!({ "content": "#one" }))
        .await
        .expect(201);
    redis.restore();
    eventually(SOON, async || {
        tags(&trending(&inside).await) == ["all", "one"]
    })
    .await;
    assert_eq!(
        inside.get(&next).await.expect(200)["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
