//! The operations of posts, one file each, over HTTP and with real servers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod accounts;
mod apply_likes;
mod author_posts;
mod caches;
mod content_counts;
mod counters;
mod create_comment;
mod create_post;
mod delete_comment;
mod delete_post;
mod edit_post;
mod erasure;
mod explore;
mod feed;
mod get_post;
mod grpc;
mod hashtag_posts;
mod idempotency;
mod kept_feeds;
mod like_comment;
mod like_outages;
mod like_post;
mod liked_posts;
mod likers;
mod list_comments;
mod mentions;
mod migrate;
mod outages;
mod outbox;
mod paging;
mod planted;
mod read_your_writes;
mod save_post;
mod saved_posts;
mod search_posts;
mod trending_hashtags;
mod unlike_comment;
mod unlike_post;
mod unsave_post;

use std::time::Duration;

use cache::redis::AsyncCommands;
use serde_json::{Value, json};
use testkit::{Stack, StackBuilder, User, eventually};

/// Long enough for what happens behind the answer.
const SOON: Duration = Duration::from_secs(20);

/// Services that wait for each other for as long as a small machine takes
/// under many requests at once.
async fn patient() -> Stack {
    patient_builder().start().await
}

fn patient_builder() -> StackBuilder {
    Stack::builder()
        .setting("auth-timeout", "18s")
        .setting("mongodb-timeout", "18s")
}

/// The path of a post.
fn path(post: &Value) -> String {
    format!("/api/posts/{}", post["_id"].as_str().unwrap())
}

/// The path of the comments on a post.
fn comments_path(post: &Value) -> String {
    format!("{}/comments", path(post))
}

/// The path of a comment.
fn comment_path(comment: &Value) -> String {
    format!("/api/comments/{}", comment["_id"].as_str().unwrap())
}

/// Likes a post with the usual reaction.
async fn like(user: &User, post: &Value) -> Value {
    let path = format!("{}/like", path(post));
    user.post_empty(&path).await.expect(200)
}

/// Likes a post with `reaction`.
async fn react(user: &User, post: &Value, reaction: &str) -> Value {
    let path = format!("{}/like", path(post));
    let body = json!({ "reaction": reaction });
    user.post(&path, &body).await.expect(200)
}

/// Takes a like back.
async fn unlike(user: &User, post: &Value) -> Value {
    let path = format!("{}/like", path(post));
    user.delete(&path).await.expect(200)
}

/// What `user` is told of the likes of a post: how many, and their own.
async fn likes_of(user: &User, post: &Value) -> (i64, Option<String>) {
    let shown = user.get(&path(post)).await.expect(200);
    let reaction = shown["reaction"].as_str().map(str::to_owned);
    assert_eq!(shown["is_liked"], reaction.is_some(), "{shown}");
    (shown["likes_count"].as_i64().unwrap(), reaction)
}

/// Waits until everything that was asked for is stored.
async fn applied(stack: &Stack) {
    let mut redis = stack.redis();
    eventually(SOON, async || {
        let users: Vec<String> = redis.keys("like:intent:*").await.unwrap();
        for user in users {
            if redis.hget(user, "open").await != Ok(0) {
                return false;
            }
        }
        true
    })
    .await;
}

/// The id of a post or comment.
fn id(document: &Value) -> String {
    document["_id"].as_str().unwrap().to_owned()
}

/// The ids of posts, in their order.
fn ids(posts: &[Value]) -> Vec<String> {
    posts.iter().map(id).collect()
}

/// What `user` sees on the first page of the posts of `author`.
async fn posts_of(user: &User, author: &User) -> Vec<Value> {
    let path = format!("/api/posts/user/{}", author.id);
    let page = user.get(&path).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

/// Two people, of whom the first follows the second.
async fn follower_and_author(stack: &Stack) -> (User, User) {
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    ana.follow(&bo).await;
    (ana, bo)
}
