//! Accounts as others see them, beside the reads of the account and of what
//! stands between the two.

use anyhow::Context;
use bson::{Document, doc};
use domain::UserId;
use store::Store;

use super::scene::{Scene, turn};
use crate::report::Report;

pub(super) const PROFILE: &str = "profile";
pub(super) const BARE: &str = "bare driver, account and relation";

/// Adds to `report` how fast people look at authors.
pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    let author = |n: usize| turn(&scene.authors, n).context("nobody is there");
    for round in 0..scene.options.rounds {
        let request = |n| {
            let path = format!("/api/users/{}", author(n)?.id);
            Ok(scene.person(n)?.request("GET", &path, ""))
        };
        let bare = async |n| {
            let (viewer, author) = (scene.person(n)?.id, author(n)?.id);
            read(&scene.stack.store, viewer, author).await
        };
        scene
            .compare(round, [PROFILE, BARE], request, bare, report)
            .await?;
    }
    Ok(())
}

async fn read(store: &Store, viewer: UserId, author: UserId) -> anyhow::Result<()> {
    let accounts = store.collection::<Document>("users");
    let account = accounts.find_one(doc! { "_id": author }).await?;
    account.context("no account")?;
    let follows = store.collection::<Document>("follows");
    let blocks = store.collection::<Document>("blocks");
    for (by, of) in [(viewer, author), (author, viewer)] {
        follows
            .find_one(doc! { "follower_id": by, "followee_id": of })
            .await?;
        blocks
            .find_one(doc! { "user_id": by, "blocked_id": of })
            .await?;
    }
    Ok(())
}
