//! Comments, beside the transaction that writes one and counts it.

use anyhow::Context;
use bson::{Document, doc, oid::ObjectId};
use domain::PostId;
use runtime::{Clock, SystemClock};
use serde_json::json;
use store::Store;

use super::scene::{Scene, turn};
use crate::{people::Person, report::Report};

pub(super) const COMMENT: &str = "comment";
pub(super) const BARE: &str = "bare driver, comment and count in a transaction";
const TEXT: &str = "seen by everybody";

/// Adds to `report` how many comments are stored in a second, on many posts.
pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    let bare = scene.stack.other_database().await?;
    let posts = bare.collection::<Document>("posts");
    let documents = scene.posts.iter();
    let documents = documents.map(|post| doc! { "_id": post, "comments_count": 0 });
    posts.insert_many(documents).await?;
    let post = |n| turn(&scene.posts, n).copied().context("no post");
    let body = json!({ "content": TEXT }).to_string();
    for round in 0..scene.options.rounds {
        let request = |n| {
            let path = format!("/api/posts/{}/comments", post(n)?);
            Ok(scene.person(n)?.request("POST", &path, &body))
        };
        let comment = async |n| store_comment(&bare, scene.person(n)?, post(n)?).await;
        scene
            .compare(round, [COMMENT, BARE], request, comment, report)
            .await?;
    }
    Ok(())
}

async fn store_comment(bare: &Store, person: &Person, post: PostId) -> anyhow::Result<()> {
    let comments = bare.collection::<Document>("comments");
    let posts = bare.collection::<Document>("posts");
    let comment = doc! {
        "_id": ObjectId::new(), "post_id": post, "user_id": person.id, "content": TEXT,
        "created_at": SystemClock.now(),
    };
    let counted = doc! { "$inc": { "comments_count": 1 } };
    let mut session = comments.client().start_session().await?;
    session.start_transaction().await?;
    posts
        .update_one(doc! { "_id": post }, counted)
        .session(&mut session)
        .await?;
    comments.insert_one(&comment).session(&mut session).await?;
    session.commit_transaction().await?;
    Ok(())
}
