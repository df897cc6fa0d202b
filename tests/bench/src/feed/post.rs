//! Single posts, warm and cold, beside the driver's reads of a post and its author.

use anyhow::Context;
use bson::{Document, doc};
use domain::PostId;
use store::Store;

use super::scene::Scene;
use crate::{
    http::Request,
    load::at_a_time,
    report::{Report, Round},
};

pub(super) const WARM: &str = "post by id, warm";
pub(super) const COLD: &str = "post by id, cold";
pub(super) const BARE: &str = "bare driver, post and author";

/// Adds to `report` how fast posts are read, each by somebody else.
pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    let door = scene.stack.posts.http;
    for _ in 0..scene.options.rounds {
        let before = scene.stack.usage(&[])?;
        let read = |post| read(&scene.stack.store, post);
        let posts = scene.posts.iter().copied();
        let timing = at_a_time(scene.options.connections, posts, read).await?;
        let used = scene.stack.usage(&[])?.since(&before);
        report.add(BARE, Round::timed(&timing, used))?;

        for pattern in ["post:*", "user:*", "relation:*"] {
            scene.forget(pattern).await?;
        }
        scene.load(COLD, door, requests(scene), report).await?;
        scene.load(WARM, door, requests(scene), report).await?;
    }
    Ok(())
}

fn requests(scene: &Scene<'_>) -> Vec<Request> {
    let readers = scene.readers().iter().cycle();
    let read = readers.zip(&scene.posts);
    read.map(|(reader, post)| reader.request("GET", &format!("/api/posts/{post}"), ""))
        .collect()
}

async fn read(store: &Store, post: PostId) -> anyhow::Result<()> {
    let posts = store.collection::<Document>("posts");
    let found = posts.find_one(doc! { "_id": post }).await?;
    let found = found.context("no post")?;
    let accounts = store.collection::<Document>("users");
    let author = doc! { "_id": found.get_object_id("user_id")? };
    accounts.find_one(author).await?.context("no author")?;
    Ok(())
}
