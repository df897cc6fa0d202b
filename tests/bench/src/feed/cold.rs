//! Pages that are not cached, and timelines that are not there, beside what the
//! driver takes for the same page: whom the reader follows, their newest posts,
//! and who wrote them.

use anyhow::ensure;
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;
use store::Store;

use super::scene::{Scene, feed_request};
use crate::{
    load::at_a_time,
    people::Person,
    report::{Report, Round},
};

pub(super) const UNCACHED: &str = "cold feed, page not cached";
pub(super) const REBUILT: &str = "cold feed, timeline built anew";
pub(super) const BARE: &str = "bare driver, the same page";
/// Posts of a page.
const PAGE: usize = 20;

/// Adds to `report` how fast each reader's page is made once.
pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    let readers = scene.readers();
    let requests = || readers.iter().map(feed_request).collect();
    let posts = scene.stack.posts.http;
    for _ in 0..scene.options.rounds {
        let before = scene.stack.usage(&[])?;
        let page = |reader| page(&scene.stack.store, reader);
        let timing = at_a_time(scene.options.connections, readers, page).await?;
        let used = scene.stack.usage(&[])?.since(&before);
        report.add(BARE, Round::timed(&timing, used))?;

        scene.forget_pages().await?;
        scene.load(UNCACHED, posts, requests(), report).await?;
        scene.forget_pages().await?;
        scene.forget("timeline:*").await?;
        scene.load(REBUILT, posts, requests(), report).await?;
    }
    Ok(())
}

async fn page(store: &Store, reader: &Person) -> anyhow::Result<()> {
    let follows = store.collection::<Document>("follows");
    let mine = doc! { "follower_id": reader.id, "status": "accepted" };
    let followed = follows.find(mine).projection(doc! { "followee_id": 1 });
    let followed: Vec<Document> = followed.await?.try_collect().await?;
    let mut authors: Vec<Bson> = followed
        .into_iter()
        .filter_map(|mut follow| follow.remove("followee_id"))
        .collect();
    authors.push(reader.id.into());
    let posts = store.collection::<Document>("posts");
    let theirs = doc! { "user_id": { "$in": &authors }, "deleted_at": Bson::Null };
    let newest = posts
        .find(theirs)
        .sort(doc! { "created_at": -1, "_id": -1 })
        .limit(i64::try_from(PAGE)?);
    let newest: Vec<Document> = newest.await?.try_collect().await?;
    ensure!(newest.len() == PAGE, "{} posts", newest.len());
    let writers: Vec<&Bson> = newest.iter().filter_map(|it| it.get("user_id")).collect();
    let accounts = store.collection::<Document>("users");
    let wrote = doc! { "_id": { "$in": writers } };
    let accounts: Vec<Document> = accounts.find(wrote).await?.try_collect().await?;
    ensure!(!accounts.is_empty(), "nobody wrote them");
    Ok(())
}
