//! What is kept in Redis of posts and people: it spares others work, and
//! nobody is shown by it what is no more.

use std::collections::BTreeMap;

use bson::{Document, doc};
use cache::{keys, redis::AsyncCommands};
use contracts::{events::v1::ContentType, posts::v1::VerifyContentCountsRequest};
use futures_util::{TryStreamExt, future::join_all};
use serde_json::{Value, json};
use testkit::{Client, Stack, User};

use crate::{
    applied, follower_and_author, grpc::counters, ids, like, likes_of, path, planted, posts_of,
};

/// The subject of what everybody is sent who has registered.
const VERIFICATION: &str = "Confirm your e-mail address";

/// How often a collection was read since [`Reads::begin`].
struct Reads<'a>(&'a Stack);

impl<'a> Reads<'a> {
    async fn begin(stack: &'a Stack) -> Self {
        let profile = doc! { "profile": 2 };
        stack.mongodb().run_command(profile).await.unwrap();
        Self(stack)
    }

    async fn end(self) -> BTreeMap<String, usize> {
        let mongodb = self.0.mongodb();
        mongodb.run_command(doc! { "profile": 0 }).await.unwrap();
        let profiled = mongodb.collection::<Document>("system.profile");
        let about = [
            "posts",
            "likes",
            "saved_posts",
            "users",
            "follows",
            "blocks",
        ];
        let about = about.map(|name| format!("{}.{name}", mongodb.name()));
        let filter = doc! { "op": "query", "ns": { "$in": &about[..] } };
        let reads: Vec<Document> = profiled
            .find(filter)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        profiled.drop().await.unwrap();
        reads.iter().fold(BTreeMap::new(), |mut counts, read| {
            let (_, name) = read.get_str("ns").unwrap().split_once('.').unwrap();
            *counts.entry(name.to_owned()).or_default() += 1;
            counts
        })
    }
}

fn reads<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(name, count)| (name.to_owned(), count)).into()
}

/// `viewer` past the gateway, which has questions of its own.
fn inside(stack: &Stack, viewer: &User) -> Client {
    viewer.at(&stack.posts_insider())
}

/// A post of `author` that `viewer` has just seen.
async fn seen_by(viewer: &User, author: &User) -> Value {
    let post = author.publish("first").await;
    viewer.get(&path(&post)).await.expect(200);
    post
}

#[tokio::test]
async fn whoever_is_known_likes_another_post_of_an_author_without_a_question_to_auth() {
    let mut stack = Stack::start().await;
    let (bo, ana) = follower_and_author(&stack).await;
    let (first, second) = (seen_by(&bo, &ana).await, ana.publish("second").await);
    let bo = inside(&stack, &bo);
    stack.stop_auth().await;
    let liked = bo.post_empty(&format!("{}/like", path(&second))).await;
    assert_eq!(liked.expect(200)["likes_count"], 1);
    let page = bo.get(&format!("/api/posts/user/{}", ana.id)).await;
    let page = page.expect(200)["items"].as_array().unwrap().clone();
    assert_eq!(ids(&page), ids(&[second, first]));
}

#[tokio::test]
async fn a_like_of_a_post_that_others_read_costs_one_read() {
    let stack = Stack::builder().without_worker().start().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    for person in [&ana, &bo, &cy] {
        // Whoever sends it reads the account, at a moment of their own.
        let letter = stack.mail().letter(&person.email, VERIFICATION);
        letter.await;
    }
    let (other, post) = (ana.publish("other").await, ana.publish("hi").await);

    let cold = Reads::begin(&stack).await;
    like(&bo, &post).await;
    let all = [
        ("blocks", 1),
        ("follows", 1),
        ("likes", 1),
        ("posts", 1),
        ("users", 2),
    ];
    assert_eq!(cold.end().await, reads(all));

    cy.get(&path(&other)).await.expect(200);
    let warm = Reads::begin(&stack).await;
    like(&cy, &post).await;
    assert_eq!(warm.end().await, reads([("likes", 1)]));
}

#[tokio::test]
async fn a_page_that_many_want_at_once_is_not_made_for_each() {
    const MANY: usize = 40;
    let stack = Stack::builder().without_worker().start().await;
    let (bo, ana) = follower_and_author(&stack).await;
    let post = seen_by(&bo, &ana).await;
    bo.feed().await;
    let version = keys::feed_version(bo.id.parse().unwrap());
    let _: () = stack.redis().del(version).await.unwrap();
    let made = Reads::begin(&stack).await;
    let bo = inside(&stack, &bo);
    let pages = join_all((0..MANY).map(|_| bo.get("/api/posts/feed"))).await;
    for page in pages {
        let page = page.expect(200)["items"].as_array().unwrap().clone();
        assert_eq!(ids(&page), ids(std::slice::from_ref(&post)));
    }
    // Each that is made asks for the likes. Who looks for the page just before
    // it is kept, and waits for it just after, makes it once more.
    let times = made.end().await["likes"];
    assert!((1..MANY / 4).contains(&times), "made {times} times");
}

#[tokio::test]
async fn what_its_author_changes_is_seen_at_once() {
    let stack = Stack::start().await;
    let (bo, ana) = follower_and_author(&stack).await;
    let post = seen_by(&bo, &ana).await;
    let edit = json!({ "caption": "edited" });
    ana.patch(&path(&post), &edit).await.expect(200);
    let seen = bo.get(&path(&post)).await.expect(200);
    assert_eq!(seen["caption"], "edited");
    assert_eq!(posts_of(&bo, &ana).await[0]["caption"], "edited");

    ana.delete(&path(&post)).await.expect(204);
    let gone = bo.get(&path(&post)).await;
    gone.expect_problem(404, "post_not_found");
    assert!(posts_of(&bo, &ana).await.is_empty());
}

#[tokio::test]
async fn the_likes_of_others_are_counted_as_soon_as_they_are_stored() {
    let stack = Stack::start().await;
    let (bo, ana) = follower_and_author(&stack).await;
    let post = seen_by(&bo, &ana).await;
    for (n, name) in ["cy", "di", "ed"].into_iter().enumerate() {
        let liker = stack.user(name).await;
        like(&liker, &post).await;
        applied(&stack).await;
        assert_eq!(likes_of(&bo, &post).await.0, i64::try_from(n).unwrap() + 1);
    }
}

#[tokio::test]
async fn what_comes_between_two_people_counts_at_once() {
    let stack = Stack::start().await;
    let (bo, ana) = follower_and_author(&stack).await;
    let cy = stack.user("cy").await;
    let post = seen_by(&bo, &ana).await;
    cy.get(&path(&post)).await.expect(200);
    ana.block(&cy).await;
    let gone = cy.get(&path(&post)).await;
    gone.expect_problem(404, "post_not_found");

    let sees = async || bo.get(&path(&post)).await.status == 200;

    ana.make_private().await;
    assert!(sees().await, "bo follows ana");
    bo.unfollow(&ana).await;
    assert!(!sees().await, "bo does not any more");
    stack.make_moderator(&bo).await;
    assert!(sees().await, "moderators see everything");
    stack.suspend(&bo).await;
    let refused = inside(&stack, &bo).get(&path(&post)).await;
    refused.expect_problem(403, "account_not_active");
}

#[tokio::test]
async fn what_is_kept_of_people_is_as_they_call_themselves_now() {
    let stack = Stack::start().await;
    let (bo, ana) = follower_and_author(&stack).await;
    let post = seen_by(&bo, &ana).await;
    let name = json!({ "full_name": "Ana the Second" });
    ana.patch("/api/users/me", &name).await.expect(200);
    let seen = bo.get(&path(&post)).await.expect(200);
    assert_eq!(seen["user"]["full_name"], "Ana the Second");
}

#[tokio::test]
async fn what_cannot_be_read_in_redis_is_asked_for() {
    let stack = Stack::start().await;
    let (bo, ana) = follower_and_author(&stack).await;
    let post = seen_by(&bo, &ana).await;
    let mut redis = stack.redis();
    let mut spoilt = 0;
    for pattern in ["post:*", "user:*", "relation:*"] {
        for key in redis.keys::<_, Vec<String>>(pattern).await.unwrap() {
            let kept: Vec<u8> = redis.get(&key).await.unwrap();
            // The epoch stays: it looks like a value of ours.
            let spoilt_value = [&kept[..9], b"\xff\xff\xff"].concat();
            let _: () = redis.set(&key, spoilt_value).await.unwrap();
            spoilt += 1;
        }
    }
    assert!(spoilt >= 4, "{spoilt}");
    bo.get(&path(&post)).await.expect(200);
    assert_eq!(posts_of(&bo, &ana).await.len(), 1);
}

#[tokio::test]
async fn a_count_that_was_repaired_is_shown_at_once() {
    let stack = Stack::start().await;
    let (bo, ana) = follower_and_author(&stack).await;
    let post = ana.publish("hi").await;
    let wrong = doc! { "$set": { "likes_count": 7_i64 } };
    let posts = planted::posts(&stack);
    posts.update_one(doc! {}, wrong).await.unwrap();
    assert_eq!(likes_of(&bo, &post).await.0, 7);
    let repair = VerifyContentCountsRequest {
        content_type: ContentType::Post.into(),
        after_id: String::new(),
        limit: 1_000,
        repair: true,
    };
    let repaired = counters(&stack).verify_content_counts(repair).await;
    assert_eq!(repaired.unwrap().into_inner().mismatches.len(), 1);
    assert_eq!(likes_of(&bo, &post).await.0, 0);
}
