//! People follow each other, post, and read what the others have posted.

use serde_json::Value;
use testkit::{Stack, User};

fn ids(posts: &[Value]) -> Vec<&str> {
    posts
        .iter()
        .filter_map(|post| post["_id"].as_str())
        .collect()
}

#[tokio::test]
async fn a_feed_has_the_own_posts_and_those_of_whom_one_follows() {
    let stack = Stack::start().await;
    let (ana, bo, cy) = tokio::join!(stack.user("ana"), stack.user("bo"), stack.user("cy"));
    assert_eq!(ana.feed().await, Vec::<Value>::new());

    ana.follow(&bo).await;
    let first = bo.publish("the first #post of @all").await;
    let own = ana.publish("hello").await;
    cy.publish("nobody follows me").await;

    let feed = ana.feed().await;
    assert_eq!(
        ids(&feed),
        [&own["_id"], &first["_id"]].map(|id| id.as_str().unwrap())
    );
    assert_eq!(feed[1]["user"]["username"], bo.username.as_str());
    assert_eq!(feed[1]["hashtags"][0], "post");

    ana.unfollow(&bo).await;
    assert_eq!(ids(&ana.feed().await), [own["_id"].as_str().unwrap()]);
}

#[tokio::test]
async fn what_is_counted_is_seen_by_both_at_once() {
    async fn seen(by: &User, who: &User) -> [Value; 3] {
        let path = format!("/api/users/{}", who.id);
        let account = by.get(&path).await.expect(200);
        ["followers_count", "following_count", "posts_count"].map(|count| account[count].clone())
    }
    let stack = Stack::start().await;
    let (ana, bo) = tokio::join!(stack.user("ana"), stack.user("bo"));
    ana.follow(&bo).await;
    for person in [&ana, &bo] {
        assert_eq!(seen(person, &bo).await, [1, 0, 0].map(Value::from));
        assert_eq!(seen(person, &ana).await, [0, 1, 0].map(Value::from));
    }
}
