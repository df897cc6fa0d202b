//! The newest posts with a hashtag, beside the reads of them and their authors.

use bson::{Bson, doc};

use super::scene::{Scene, hashtag, read_page};
use crate::report::Report;

pub(super) const PAGE: &str = "hashtag page";
pub(super) const BARE: &str = "bare driver, posts of a hashtag and their authors";

/// Adds to `report` how fast people read the pages of hashtags.
pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    for round in 0..scene.options.rounds {
        let request = |n| {
            let path = format!("/api/posts/hashtag/{}", hashtag(n));
            Ok(scene.person(n)?.request("GET", &path, ""))
        };
        let bare = async |n| {
            let tagged = doc! { "hashtags": hashtag(n), "deleted_at": Bson::Null };
            read_page(&scene.stack.store, tagged).await
        };
        scene
            .compare(round, [PAGE, BARE], request, bare, report)
            .await?;
    }
    Ok(())
}
