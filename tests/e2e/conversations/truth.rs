//! What must be true in the end, by what people were told.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use mongodb::{
    Database,
    bson::{Bson, Document},
};
use tokio::time::sleep;

use super::{people::Person, rig::Rig};
use crate::{facts::all, truth};

/// Long enough for workers to catch up with whatever they were kept from.
const SETTLING: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(500);
/// Faults that are shown.
const SHOWN: usize = 10;

/// Waits until everything is as it must be.
pub(super) async fn settled(rig: &Rig, people: &[Person]) {
    let began = Instant::now();
    loop {
        let mut faults = truth::faults(rig.mongodb()).await;
        faults.extend(lies(rig.mongodb(), people).await);
        if faults.is_empty() {
            return;
        }
        assert!(
            began.elapsed() < SETTLING,
            "after {SETTLING:?} still {} faults: {}",
            faults.len(),
            faults[..faults.len().min(SHOWN)].join(", ")
        );
        sleep(PAUSE).await;
    }
}

/// What somebody was told that is not so.
async fn lies(mongodb: &Database, people: &[Person]) -> Vec<String> {
    let comments: Vec<Document> = all(mongodb, "comments").await;
    let is_there = |it: &&Document| matches!(it.get("deleted_at"), None | Some(Bson::Null));
    let there = pairs(comments.iter().filter(is_there), "_id");
    let [likes, saves]: [Vec<Document>; 2] = [
        all(mongodb, "likes").await,
        all(mongodb, "saved_posts").await,
    ];
    let (likes, saves) = (
        pairs(likes.iter(), "post_id"),
        pairs(saves.iter(), "post_id"),
    );

    let mut untrue = Vec::new();
    for person in people {
        for (what, told, stored) in [
            ("said", &person.said, &there),
            ("likes", &person.liked, &likes),
            ("has saved", &person.saved, &saves),
        ] {
            for (id, told) in told {
                let is_so = stored.contains(&(person.user.id.clone(), id.clone()));
                if told.is_some_and(|told| told != is_so) {
                    let name = &person.user.username;
                    untrue.push(format!("{name} {what} {id}: is {is_so}, was told {told:?}"));
                }
            }
        }
    }
    let told: HashSet<&String> = people.iter().flat_map(|it| it.said.keys()).collect();
    let untold = there.iter().filter(|(_, id)| !told.contains(id));
    untrue.extend(untold.map(|(_, id)| format!("nobody was told of {id}")));
    untrue
}

/// Whose each document is, and what it is about.
fn pairs<'a>(
    documents: impl Iterator<Item = &'a Document>,
    field: &str,
) -> HashSet<(String, String)> {
    let hex = |it: &Document, field| it.get_object_id(field).unwrap().to_hex();
    documents
        .map(|it| (hex(it, "user_id"), hex(it, field)))
        .collect()
}
