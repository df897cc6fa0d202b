//! The transaction of a batch of likes, by the driver alone: read which exist,
//! insert the others, add them to the counter.

use std::time::Instant;

use bson::{Document, doc};
use domain::{Id, Like, LikeType, PostId, Reaction, UserId};
use futures_util::TryStreamExt;
use runtime::{Clock, SystemClock};
use store::{
    Store,
    mongodb::{self, ClientSession, Collection, IndexModel},
};

use crate::{
    load::count,
    people::Person,
    report::{Report, Round},
    stack::Stack,
};

pub(super) const TRANSACTION: &str = "bare transactions, 500 likes each";
/// As many as the worker puts into a batch.
const BATCH: usize = 500;

/// Gives the collection of likes in `bare` the indexes that the real one has.
pub(super) async fn prepare(stack: &Stack, bare: &Store) -> anyhow::Result<()> {
    let likes = stack.store.collection::<Document>("likes");
    let indexes: Vec<IndexModel> = likes.list_indexes().await?.try_collect().await?;
    bare.collection::<Document>("likes")
        .create_indexes(indexes)
        .await?;
    Ok(())
}

/// Adds to `report` how many likes of one post a loop of transactions stores in a second.
pub(super) async fn measure(
    stack: &Stack,
    bare: &Store,
    people: &[Person],
    report: &mut Report,
) -> anyhow::Result<()> {
    let post = PostId::generate();
    let posts = bare.collection::<Document>("posts");
    posts
        .insert_one(doc! { "_id": post, "likes_count": 0 })
        .await?;
    let likes = bare.collection::<Like>("likes");
    let before = stack.usage(&[])?;
    let started = Instant::now();
    let mut session = posts.client().start_session().await?;
    for batch in people.chunks(BATCH) {
        let users: Vec<UserId> = batch.iter().map(|person| person.id).collect();
        session.start_transaction().await?;
        store(&mut session, &likes, &posts, post, users).await?;
        session.commit_transaction().await?;
    }
    let elapsed = started.elapsed();
    let used = stack.usage(&[])?.since(&before);
    report.add(
        TRANSACTION,
        Round {
            operations: people.len(),
            rate: count(people.len()) / elapsed.as_secs_f64(),
            latency: None,
            usage: used,
        },
    )
}

async fn store(
    session: &mut ClientSession,
    likes: &Collection<Like>,
    posts: &Collection<Document>,
    post: PostId,
    mut users: Vec<UserId>,
) -> mongodb::error::Result<()> {
    let existing = doc! { "post_id": post, "user_id": { "$in": &users } };
    let mut found = likes.find(existing).session(&mut *session).await?;
    while let Some(like) = found.next(session).await.transpose()? {
        users.retain(|user| *user != like.user_id);
    }
    let now = SystemClock.now();
    let fresh = users.iter().map(|user| Like {
        id: Id::generate(),
        user_id: *user,
        liked_id: post.into(),
        kind: LikeType::Post,
        created_at: Some(now),
        reaction: Reaction::default(),
        version: now.as_millis(),
    });
    likes.insert_many(fresh).session(&mut *session).await?;
    let more = i64::try_from(users.len()).unwrap_or(i64::MAX);
    let counted = doc! { "$inc": { "likes_count": more } };
    posts
        .update_one(doc! { "_id": post }, counted)
        .session(session)
        .await?;
    Ok(())
}
