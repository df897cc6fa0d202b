//! Follows and posts as they are stored, made at once: people would take hours.

use std::time::Duration;

use bson::{doc, oid::ObjectId};
use domain::{Follow, FollowStatus, Id, MediaType, Post, PostId, UserId};
use runtime::{Clock, SystemClock};
use store::Store;

use crate::people::insert;

/// Between two posts of one author.
const PAUSE: Duration = Duration::from_mins(1);

/// Stores that the first of each pair follows the second, and counts the followers.
pub(crate) async fn plant_follows(
    store: &Store,
    follows: &[(UserId, UserId)],
) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let edges = follows.iter().map(|&(follower_id, followee_id)| Follow {
        id: Id::generate(),
        follower_id,
        followee_id,
        status: FollowStatus::Accepted,
        created_at: now,
    });
    insert(store, "follows", &edges.collect::<Vec<_>>()).await?;
    let followed = follows.iter().map(|(_, followee)| *followee);
    count(store, "followers_count", followed.collect()).await
}

/// Stores `each` posts of every author, of `length` characters, a minute after
/// each other until now, and returns them.
pub(crate) async fn plant_posts(
    store: &Store,
    authors: &[UserId],
    each: usize,
    length: usize,
) -> anyhow::Result<Vec<PostId>> {
    let now = SystemClock.now();
    let mut posts = Vec::new();
    for author in authors {
        for age in 0..each {
            let age = PAUSE.saturating_mul(u32::try_from(age + 1)?);
            posts.push(Post {
                id: ObjectId::new().into(),
                user_id: *author,
                caption: "seen by everybody ".repeat(length / 18 + 1),
                media_urls: Vec::new(),
                media_type: MediaType::Text,
                likes_count: 0,
                comments_count: 0,
                saves_count: 0,
                hashtags: Vec::new(),
                mentions: Vec::new(),
                location: None,
                created_at: Some(now.minus(age)),
                edited_at: None,
                deleted_at: None,
            });
        }
    }
    insert(store, "posts", &posts).await?;
    let written = posts.iter().map(|post| post.user_id);
    count(store, "posts_count", written.collect()).await?;
    Ok(posts.into_iter().map(|post| post.id).collect())
}

/// Adds to the counter `field` of each of `users` how often they are in there.
async fn count(store: &Store, field: &str, mut users: Vec<UserId>) -> anyhow::Result<()> {
    users.sort_unstable();
    let accounts = store.collection::<bson::Document>("users");
    for same in users.chunk_by(PartialEq::eq) {
        let more = i64::try_from(same.len())?;
        let counted = doc! { "$inc": { field: more } };
        if let Some(user) = same.first() {
            accounts.update_one(doc! { "_id": user }, counted).await?;
        }
    }
    Ok(())
}
