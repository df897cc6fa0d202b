//! Follows, beside the transaction that writes an edge and a row to count it by.

use anyhow::Context;
use bson::{Document, doc, oid::ObjectId};
use runtime::{Clock, SystemClock};
use store::Store;

use super::scene::{Scene, turn};
use crate::report::Report;

pub(super) const FOLLOW: &str = "follow";
pub(super) const BARE: &str = "bare driver, edge and row in a transaction";

/// Adds to `report` how many follows are stored in a second, each of another pair.
pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    let bare = scene.stack.other_database().await?;
    let author = |n: usize| turn(&scene.authors, n / scene.people.len()).context("nobody");
    for round in 0..scene.options.rounds {
        let request = |n| {
            let path = format!("/api/users/{}/follow", author(n)?.id);
            Ok(scene.person(n)?.request("POST", &path, ""))
        };
        let follow = async |n| {
            let pair = [scene.person(n)?.id, author(n)?.id].map(Into::into);
            store_edge(&bare, pair).await
        };
        scene
            .compare(round, [FOLLOW, BARE], request, follow, report)
            .await?;
    }
    Ok(())
}

async fn store_edge(bare: &Store, [by, of]: [bson::Bson; 2]) -> anyhow::Result<()> {
    let edges = bare.collection::<Document>("follows");
    let rows = bare.collection::<Document>("follow_changes");
    let now = SystemClock.now();
    let edge = doc! {
        "_id": ObjectId::new(), "follower_id": by, "followee_id": of,
        "status": "accepted", "created_at": now,
    };
    let mut session = edges.client().start_session().await?;
    session.start_transaction().await?;
    edges.insert_one(&edge).session(&mut session).await?;
    rows.insert_one(&edge).session(&mut session).await?;
    session.commit_transaction().await?;
    Ok(())
}
