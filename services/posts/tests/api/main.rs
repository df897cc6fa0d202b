//! The operations of posts, one file each, over HTTP and with real servers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod author_posts;
mod counters;
mod create_post;
mod delete_post;
mod edit_post;
mod feed;
mod get_post;
mod grpc;
mod idempotency;
mod migrate;
mod outages;
mod outbox;
mod paging;
mod planted;

use serde_json::Value;
use testkit::{Stack, StackBuilder, User};

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

/// The ids of posts, in their order.
fn ids(posts: &[Value]) -> Vec<String> {
    let id = |post: &Value| post["_id"].as_str().unwrap().to_owned();
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
