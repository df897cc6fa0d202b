//! What is stored must be what was acknowledged.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bson::{Document, doc};
use domain::{Like, PostId, UserId};
use futures_util::TryStreamExt;

use tokio::time::sleep;

use crate::stack::Stack;

/// How long everything that was accepted may take until it is stored.
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until exactly `liked` like `post`, each with that reaction, and the
/// counter says how many they are.
pub(super) async fn reached(
    stack: &Stack,
    post: PostId,
    liked: &HashMap<UserId, &str>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = check(stack, post, liked).await {
        ensure!(Instant::now() < deadline, error);
        sleep(PAUSE).await;
    }
    Ok(())
}

async fn check(stack: &Stack, post: PostId, liked: &HashMap<UserId, &str>) -> anyhow::Result<()> {
    let documents = stack.store.collection::<Like>("likes");
    let found = documents.find(doc! { "post_id": post }).await?;
    let found: Vec<Like> = found.try_collect().await?;
    ensure!(
        found.len() == liked.len(),
        "there are {} likes",
        found.len()
    );
    for like in &found {
        let wanted = liked.get(&like.user_id).copied();
        ensure!(
            wanted == Some(like.reaction.as_str()),
            "{like:?} should be {wanted:?}"
        );
    }
    let counted = likes_count(stack, &[post]).await?;
    ensure!(
        usize::try_from(counted)? == liked.len(),
        "counted {counted}"
    );
    Ok(())
}

/// What the counters of `posts` say, added up.
pub(super) async fn likes_count(stack: &Stack, posts: &[PostId]) -> anyhow::Result<i64> {
    let documents = stack.store.collection::<Document>("posts");
    let mut found = documents.find(doc! { "_id": { "$in": posts } }).await?;
    let mut sum = 0;
    while let Some(post) = found.try_next().await? {
        let count = post.get("likes_count").context("a post without a count")?;
        let count = count.as_i64().or_else(|| count.as_i32().map(i64::from));
        sum += count.context("a count that is no number")?;
    }
    Ok(sum)
}
