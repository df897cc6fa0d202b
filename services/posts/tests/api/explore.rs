use std::{collections::HashSet, time::Duration};

use cache::redis::AsyncCommands;
use serde_json::Value;
use testkit::{Stack, User, eventually};

use crate::{
    SOON, applied, ids,
    paging::{all_pages, by_cursor, by_page},
    path, patient, planted,
};

const EXPLORE: &str = "/api/posts/explore";

async fn explored(user: &User) -> Vec<String> {
    ids(&user.list(EXPLORE).await)
}

/// Posts of one author, each by itself in the time of the ranking.
async fn published(stack: &Stack, author: &User, count: usize) -> Vec<Value> {
    let mut posts = Vec::new();
    for n in 0..count {
        posts.push(author.publish(&n.to_string()).await);
        stack.clock().advance(Duration::from_secs(1));
    }
    posts
}

/// The ids of `posts` in the order of `order`.
fn in_order(posts: &[Value], order: &[usize]) -> Vec<String> {
    let ids = ids(posts);
    order.iter().map(|n| ids[*n].clone()).collect()
}

#[tokio::test]
async fn what_most_is_happening_to_comes_first() {
    let stack = patient().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let posts = published(&stack, &ana, 5).await;
    bo.like(&posts[1]).await;
    applied(&stack).await;
    bo.save(&posts[2]).await;
    bo.comment(&posts[3], "hm").await;
    assert_eq!(explored(&bo).await, in_order(&posts, &[3, 2, 1, 4, 0]));
    // Nobody is shown their own.
    assert_eq!(explored(&ana).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_happened_long_ago_counts_little() {
    let stack = patient().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let old = ana.publish("old").await;
    bo.comment(&old, "hm").await;
    // Two half-lives: what weighed four weighs one.
    stack
        .clock()
        .advance(Duration::from_hours(24) + Duration::from_mins(1));
    let new = ana.publish("new").await;
    assert_eq!(explored(&bo).await, ids(&[new, old]));
}

#[tokio::test]
async fn what_somebody_has_not_seen_comes_first() {
    let stack = patient().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let posts = published(&stack, &ana, 6).await;
    let first = bo.list(&format!("{EXPLORE}?limit=2")).await;
    assert_eq!(ids(&first), in_order(&posts, &[5, 4]));
    let again = bo.list(&format!("{EXPLORE}?limit=2")).await;
    assert_eq!(ids(&again), in_order(&posts, &[3, 2]));
    assert_eq!(explored(&bo).await, in_order(&posts, &[1, 0, 5, 4, 3, 2]));
    // Who has seen everything sees the best.
    assert_eq!(explored(&bo).await, in_order(&posts, &[5, 4, 3, 2, 1, 0]));
    let cy = stack.user("cy").await;
    assert_eq!(explored(&cy).await, in_order(&posts, &[5, 4, 3, 2, 1, 0]));
}

#[tokio::test]
async fn pages_are_of_one_order_while_much_happens() {
    let stack = patient().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let posts = published(&stack, &ana, 9).await;
    for next in [by_cursor as fn(&Value, usize) -> String, by_page] {
        let (mut seen, mut query) = (Vec::new(), String::new());
        for n in 1.. {
            let page = bo.get(&format!("{EXPLORE}?limit=2&{query}")).await;
            let page = page.expect(200);
            seen.extend(ids(page["items"].as_array().unwrap()));
            if page["has_more"] == false {
                break;
            }
            query = next(&page, n);
            // The last becomes the first, and more comes.
            cy.comment(&posts[n % 2], "hm").await;
            ana.publish("more").await;
        }
        let once: HashSet<String> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "something came twice");
        let kept: HashSet<String> = ids(&posts).into_iter().collect();
        assert!(kept.is_subset(&once), "something was missed");
    }
}

#[tokio::test]
async fn what_goes_away_between_two_pages_is_not_shown() {
    let stack = patient().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let posts = published(&stack, &ana, 4).await;
    let hidden = published(&stack, &cy, 2).await;
    let page = bo.get(&format!("{EXPLORE}?limit=1")).await.expect(200);
    assert_eq!(ids(page["items"].as_array().unwrap()), ids(&hidden[1..]));
    ana.delete(&path(&posts[2])).await.expect(204);
    cy.make_private().await;
    let rest = bo.get(&format!("{EXPLORE}?{}", by_cursor(&page, 0))).await;
    let rest = rest.expect(200);
    let rest = ids(rest["items"].as_array().unwrap());
    assert_eq!(rest, in_order(&posts, &[3, 1, 0]));
    // What nobody may discover has left the ranking.
    let ranked: usize = stack.redis().zcard("explore:posts").await.unwrap();
    assert_eq!(ranked, 4, "the first of the hidden was not looked at again");
}

#[tokio::test]
async fn an_order_is_kept_for_a_while_and_for_one_person() {
    let stack = patient().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    published(&stack, &ana, 3).await;
    let page = bo.get(&format!("{EXPLORE}?limit=1")).await.expect(200);
    let next = format!("{EXPLORE}?{}", by_cursor(&page, 0));
    bo.get(&next).await.expect(200);
    cy.get(&next).await.expect_problem(400, "cursor_expired");
    let mut redis = stack.redis();
    let orders: Vec<String> = redis.keys("explore:order:*").await.unwrap();
    for order in orders {
        let life: i64 = redis.ttl(&order).await.unwrap();
        assert!((1..=600).contains(&life), "{life}");
        let _: usize = redis.del(order).await.unwrap();
    }
    bo.get(&next).await.expect_problem(400, "cursor_expired");
    // Pages by number begin anew instead.
    let second = bo.list(&format!("{EXPLORE}?limit=2&page=2")).await;
    assert_eq!(second.len(), 1);
    for (query, code) in [
        ("cursor=x", "invalid_cursor"),
        ("cursor=x&page=1", "page_and_cursor"),
    ] {
        let answer = bo.get(&format!("{EXPLORE}?{query}")).await;
        answer.expect_problem(400, code);
    }
}

#[tokio::test]
async fn a_ranking_that_redis_has_forgotten_is_built_from_what_is_stored() {
    let stack = patient().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let posts = published(&stack, &ana, 4).await;
    published(&stack, &cy, 1).await;
    stack.shadow_ban(&cy).await;
    bo.comment(&posts[1], "hm").await;
    bo.save(&posts[0]).await;
    let expected = in_order(&posts, &[1, 0, 3, 2]);
    stack.sandbox().flush_redis().await;
    assert_eq!(explored(&bo).await, expected);
    // Nothing counts twice because of it.
    let mut redis = stack.redis();
    let scores = async |redis: &mut cache::redis::aio::MultiplexedConnection| {
        let scores: Vec<(Vec<u8>, f64)> = redis
            .zrange_withscores("explore:posts", 0, -1)
            .await
            .unwrap();
        scores
    };
    let before = scores(&mut redis).await;
    let _: usize = redis.del("explore:posts:built").await.unwrap();
    assert_eq!(explored(&bo).await, expected);
    assert_eq!(scores(&mut redis).await, before);
}

#[tokio::test]
async fn without_redis_the_newest_stand_in() {
    let builder = Stack::builder().with_outages();
    let builder = builder.setting("auth-timeout", "10s");
    let stack = builder.setting("mongodb-timeout", "10s").start().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let posts = published(&stack, &ana, 5).await;
    let mut hidden = planted::post(planted::oid(&cy), 1_000);
    hidden.insert("caption", "of somebody private");
    planted::posts(&stack).insert_one(hidden).await.unwrap();
    cy.make_private().await;
    bo.comment(&posts[0], "hm").await;
    let page = bo.get(&format!("{EXPLORE}?limit=2")).await.expect(200);
    let inside = bo.at(&stack.posts_insider());
    let redis = stack.sandbox().redis_proxy();
    redis.cut();
    let expired = inside
        .get(&format!("{EXPLORE}?{}", by_cursor(&page, 0)))
        .await;
    expired.expect_problem(400, "cursor_expired");
    let (mut seen, mut query) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = inside.get(&format!("{EXPLORE}?limit=2&{query}")).await;
        let page = page.expect(200);
        seen.extend(ids(page["items"].as_array().unwrap()));
        if page["has_more"] == true {
            query = by_cursor(&page, 0);
        }
    }
    assert_eq!(seen, in_order(&posts, &[4, 3, 2, 1, 0]));
    let second = inside.get(&format!("{EXPLORE}?limit=3&page=2")).await;
    let second = second.expect(200);
    assert_eq!(
        ids(second["items"].as_array().unwrap()),
        in_order(&posts, &[1, 0])
    );
    redis.restore();
    let first = in_order(&posts, &[0]);
    eventually(SOON, async || {
        let page = inside.get(EXPLORE).await.expect(200);
        ids(page["items"].as_array().unwrap())[..1] == first
    })
    .await;
    // Who began without it goes on without it.
    let rest = bo.get(&format!("{EXPLORE}?{query}")).await.expect(200);
    assert_eq!(ids(rest["items"].as_array().unwrap()), first);
}

#[tokio::test]
async fn all_of_it_can_be_read() {
    let stack = patient().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let posts = published(&stack, &ana, 7).await;
    let all: HashSet<String> = ids(&posts).into_iter().collect();
    for (limit, next) in [(2, by_cursor as _), (3, by_page as _), (7, by_cursor as _)] {
        let seen = all_pages(&bo, EXPLORE, limit, next).await;
        assert_eq!(seen.len(), 7);
        assert_eq!(seen.into_iter().collect::<HashSet<_>>(), all);
    }
}
