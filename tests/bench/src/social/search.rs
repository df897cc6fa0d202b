//! Posts and accounts that are looked for, beside the queries alone.

use anyhow::ensure;
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;
use store::Store;

use super::scene::{PAGE, Scene, hashtag, read_page};
use crate::report::Report;

pub(super) const POSTS: &str = "search of posts";
pub(super) const BARE_POSTS: &str = "bare driver, posts with two words and their authors";
pub(super) const ACCOUNTS: &str = "search of accounts";
pub(super) const BARE_ACCOUNTS: &str = "bare driver, accounts by a prefix";

/// Adds to `report` how fast people find posts by two words, and accounts by the
/// beginning of their names.
pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    let store = &scene.stack.store;
    for round in 0..scene.options.rounds {
        let request = |n| {
            let path = format!("/api/posts/search?q=everybody%20{}", hashtag(n));
            Ok(scene.person(n)?.request("GET", &path, ""))
        };
        let bare = async |n| {
            let tag = hashtag(n);
            let words = doc! { "$all": [&tag, "everybody"] };
            read_page(
                store,
                doc! { "search_words": words, "deleted_at": Bson::Null },
            )
            .await
        };
        scene
            .compare(round, [POSTS, BARE_POSTS], request, bare, report)
            .await?;
        let request = |n| {
            let path = format!("/api/users/search?q={}", prefix(n));
            Ok(scene.person(n)?.request("GET", &path, ""))
        };
        let bare = async |n| read_accounts(store, &prefix(n)).await;
        scene
            .compare(round, [ACCOUNTS, BARE_ACCOUNTS], request, bare, report)
            .await?;
    }
    Ok(())
}

/// Of a hundred people, by turns.
fn prefix(n: usize) -> String {
    format!("fan_{}", 1 + n % 9)
}

async fn read_accounts(store: &Store, prefix: &str) -> anyhow::Result<()> {
    let accounts = store.collection::<Document>("users");
    let named = doc! { "$gte": prefix, "$lt": format!("{prefix}\u{10ffff}") };
    let found = accounts
        .find(doc! { "search_words": named })
        .limit(i64::try_from(PAGE)?);
    let found: Vec<Document> = found.await?.try_collect().await?;
    ensure!(found.len() == PAGE, "{} accounts", found.len());
    Ok(())
}
