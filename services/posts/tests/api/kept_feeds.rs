//! Feeds whose pages, timelines and authors are kept in Redis: what is seen at
//! once, and what soon.

use bson::{Document, doc};
use cache::redis::AsyncCommands;
use domain::UserId;
use serde_json::{Value, json};
use testkit::{Stack, User, eventually, eventually_some};

use crate::{
    SOON, follower_and_author, ids, like,
    paging::{all_pages, by_cursor, by_page},
    path, planted, unlike,
};

const FEED: &str = "/api/posts/feed";

/// The first page, and whether it was kept.
async fn page(user: &User) -> (Vec<Value>, bool) {
    let answer = user.get(FEED).await;
    let is_hit = answer.header("x-cache") == Some("HIT");
    let page = answer.expect(200);
    (page["items"].as_array().unwrap().clone(), is_hit)
}

/// What `user` is shown by a page that is kept.
async fn kept_page(user: &User) -> Vec<Value> {
    eventually_some(SOON, async || {
        let (items, is_hit) = page(user).await;
        is_hit.then_some(items)
    })
    .await
}

/// Whether the first of `posts` is liked, and how many like it.
fn likes_in(posts: &[Value]) -> (Value, Value) {
    let first = &posts[0];
    (first["is_liked"].clone(), first["likes_count"].clone())
}

async fn sees(user: &User, posts: &[&Value]) {
    let expected: Vec<Value> = posts.iter().map(|post| post["_id"].clone()).collect();
    eventually(SOON, async || {
        let seen = user.feed().await;
        seen.iter()
            .map(|post| post["_id"].clone())
            .eq(expected.clone())
    })
    .await;
}

#[tokio::test]
async fn the_usual_pages_are_kept() {
    let stack = Stack::start().await;
    let (ana, bo) = follower_and_author(&stack).await;
    let post = bo.publish("hi").await;
    sees(&ana, &[&post]).await;
    assert_eq!(kept_page(&ana).await, [post]);
    let second = ana.get(&format!("{FEED}?page=2")).await;
    assert_eq!(second.header("x-cache"), Some("MISS"));
    let second = ana.get(&format!("{FEED}?page=2&limit=20")).await;
    assert_eq!(second.header("x-cache"), Some("HIT"));
    for _ in 0..2 {
        let other = ana.get(&format!("{FEED}?limit=19")).await;
        assert_eq!(other.header("x-cache"), Some("MISS"));
    }
}

#[tokio::test]
async fn what_one_does_oneself_shows_at_once() {
    let stack = Stack::start().await;
    let (ana, bo) = follower_and_author(&stack).await;
    let post = bo.publish("hi").await;
    sees(&ana, &[&post]).await;
    kept_page(&ana).await;

    like(&ana, &post).await;
    assert_eq!(likes_in(&page(&ana).await.0), (json!(true), json!(1)));
    // Also on a page that was made before it is stored.
    assert_eq!(likes_in(&kept_page(&ana).await), (json!(true), json!(1)));
    crate::applied(&stack).await;
    assert_eq!(likes_in(&page(&ana).await.0), (json!(true), json!(1)));
    unlike(&ana, &post).await;
    assert_eq!(likes_in(&page(&ana).await.0), (json!(false), json!(0)));

    let own = ana.publish("mine").await;
    assert_eq!(ids(&page(&ana).await.0), ids(&[own.clone(), post.clone()]));
    let edit = json!({ "caption": "better" });
    ana.patch(&path(&own), &edit).await.expect(200);
    assert_eq!(page(&ana).await.0[0]["caption"], "better");
    ana.delete(&path(&own)).await.expect(204);
    assert_eq!(ids(&page(&ana).await.0), ids(&[post]));
    ana.unfollow(&bo).await;
    assert!(page(&ana).await.0.is_empty());
}

#[tokio::test]
async fn what_is_deleted_or_edited_is_gone_from_kept_pages_at_once() {
    let stack = Stack::start().await;
    let (ana, bo) = follower_and_author(&stack).await;
    let (first, second) = (bo.publish("first").await, bo.publish("second").await);
    sees(&ana, &[&second, &first]).await;
    kept_page(&ana).await;
    bo.patch(&path(&first), &json!({ "caption": "1st" }))
        .await
        .expect(200);
    assert_eq!(page(&ana).await.0[1]["caption"], "1st");
    kept_page(&ana).await;
    bo.delete(&path(&second)).await.expect(204);
    assert_eq!(ids(&page(&ana).await.0), ids(&[first]));
}

#[tokio::test]
async fn whoever_begins_to_follow_finds_what_was_posted_before() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = bo.publish("before").await;
    assert!(ana.feed().await.is_empty());
    ana.follow(&bo).await;
    sees(&ana, &[&post]).await;
    ana.unfollow(&bo).await;
    ana.follow(&bo).await;
    sees(&ana, &[&post]).await;
}

#[tokio::test]
async fn a_name_or_a_standing_that_changes_shows_in_kept_pages() {
    let stack = Stack::start().await;
    let (ana, bo) = follower_and_author(&stack).await;
    let post = bo.publish("hi").await;
    sees(&ana, &[&post]).await;
    kept_page(&ana).await;
    let renamed = json!({ "full_name": "Bo the Second" });
    bo.patch("/api/users/me", &renamed).await.expect(200);
    eventually(SOON, async || {
        ana.feed().await[0]["user"]["full_name"] == "Bo the Second"
    })
    .await;
    stack.shadow_ban(&bo).await;
    sees(&ana, &[]).await;
    assert_eq!(kept_page(&ana).await, Vec::<Value>::new());
    assert_eq!(bo.feed().await.len(), 1);
    // The page that ana has kept shows nothing of bo's.
    stack.lift_shadow_ban(&bo).await;
    sees(&ana, &[&post]).await;
}

#[tokio::test]
async fn beyond_the_timeline_the_feed_goes_on() {
    let stack = Stack::builder()
        .setting("timeline-length", "12")
        .start()
        .await;
    let (ana, bo) = follower_and_author(&stack).await;
    assert!(ana.feed().await.is_empty());
    let mut expected = Vec::new();
    for n in 0..40 {
        expected.push(bo.publish(&format!("number {n}")).await);
    }
    expected.reverse();
    let expected = ids(&expected);
    eventually(SOON, async || ids(&ana.feed().await) == expected[..20]).await;
    assert_eq!(all_pages(&ana, FEED, 3, by_cursor).await, expected);
    assert_eq!(all_pages(&ana, FEED, 20, by_page).await, expected);
    let mut redis = stack.redis();
    let key = format!("timeline:{}", ana.id);
    let kept: usize = redis.zcard(&key).await.unwrap();
    assert!((2..=14).contains(&kept), "{kept}");
    // One that is built knows the newest, and where it ends.
    let _: () = redis.del(&key).await.unwrap();
    assert_eq!(all_pages(&ana, FEED, 2, by_cursor).await, expected);
    let kept: usize = redis.zcard(&key).await.unwrap();
    assert_eq!(kept, 12 / 4, "the sentinel and the posts above the floor");
}

async fn mode(stack: &Stack, author: &User) -> Option<String> {
    let modes = stack.mongodb().collection::<Document>("fanout_modes");
    let own = doc! { "_id": author.id.parse::<UserId>().unwrap() };
    let mode = modes.find_one(own).await.unwrap()?;
    Some(mode.get_str("state").unwrap().to_owned())
}

#[tokio::test]
async fn authors_of_too_many_followers_are_merged_and_come_back() {
    let stack = Stack::builder().setting("fanout-limit", "3").start().await;
    let star = stack.user("star").await;
    let mut fans = Vec::new();
    for n in 0..4 {
        let fan = stack.user(&format!("fan{n}")).await;
        assert!(fan.feed().await.is_empty());
        fan.follow(&star).await;
        fans.push(fan);
    }
    eventually(SOON, async || planted::followers(&stack, &star).await == 4).await;
    let first = star.publish("one too many").await;
    eventually(SOON, async || {
        mode(&stack, &star).await.as_deref() == Some("pulled")
    })
    .await;
    for fan in &fans {
        sees(fan, &[&first]).await;
        kept_page(fan).await;
    }
    let second = star.publish("merged").await;
    for fan in &fans {
        assert_eq!(
            ids(&fan.feed().await),
            ids(&[second.clone(), first.clone()]),
            "at once"
        );
        let mut redis = stack.redis();
        let key = format!("timeline:{}", fan.id);
        let kept: usize = redis.zcard(&key).await.unwrap();
        assert_eq!(kept, 2, "the sentinel and the first");
    }
    // At four fifths it stays: nobody goes to and fro.
    fans.pop().unwrap().unfollow(&star).await;
    eventually(SOON, async || planted::followers(&stack, &star).await == 3).await;
    let third = star.publish("still merged").await;
    for fan in &fans {
        sees(fan, &[&third, &second, &first]).await;
    }
    assert_eq!(mode(&stack, &star).await.as_deref(), Some("pulled"));
    let gone = [fans.pop().unwrap(), fans.pop().unwrap()];
    for fan in &gone {
        fan.unfollow(&star).await;
    }
    eventually(SOON, async || planted::followers(&stack, &star).await == 1).await;
    let fourth = star.publish("written again").await;
    eventually(SOON, async || mode(&stack, &star).await.is_none()).await;
    for fan in &fans {
        sees(fan, &[&fourth, &third, &second, &first]).await;
        let mut redis = stack.redis();
        let key = format!("timeline:{}", fan.id);
        let kept: usize = redis.zcard(&key).await.unwrap();
        assert_eq!(kept, 5, "what was merged is made up for");
    }
    for fan in &gone {
        sees(fan, &[]).await;
    }
}

#[tokio::test]
async fn without_redis_feeds_come_from_mongodb() {
    let stack = Stack::builder().with_outages().start().await;
    let (ana, bo) = follower_and_author(&stack).await;
    let post = bo.publish("hi").await;
    sees(&ana, &[&post]).await;
    stack.sandbox().redis_proxy().cut();
    let newer = bo.publish("without redis").await;
    for _ in 0..2 {
        let (items, is_hit) = page(&ana).await;
        assert_eq!(ids(&items), ids(&[newer.clone(), post.clone()]));
        assert!(!is_hit);
    }
    stack.sandbox().redis_proxy().restore();
    eventually(SOON, async || page(&ana).await.1).await;
    sees(&ana, &[&newer, &post]).await;
}

#[tokio::test]
async fn without_the_broker_ones_own_posts_show_at_once_and_others_later() {
    let stack = Stack::builder().with_outages().start().await;
    let (ana, bo) = follower_and_author(&stack).await;
    assert!(ana.feed().await.is_empty());
    assert!(bo.feed().await.is_empty());
    stack.sandbox().amqp_proxy().cut();
    let post = bo.publish("hi").await;
    assert_eq!(ids(&bo.feed().await), ids(std::slice::from_ref(&post)));
    stack.sandbox().amqp_proxy().restore();
    sees(&ana, &[&post]).await;
}
