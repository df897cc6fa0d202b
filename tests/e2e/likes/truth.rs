//! What must be true when everything has come to its end, by the log of what
//! people were told. Looked up in the documents first, and then asked of the services.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use contracts::topology::NOTIFICATIONS;
use futures_util::TryStreamExt;
use mongodb::{
    Database,
    bson::{Document, doc, oid::ObjectId},
};
use tokio::time::sleep;

use super::{people::Acknowledged, rig::Rig};

/// Long enough for workers to catch up with whatever they were kept from.
const SETTLING: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(500);
/// Faults that are shown.
const SHOWN: usize = 10;
/// How many people are asked for what they see.
const WITNESSES: usize = 20;

/// Waits until everything is as it must be.
pub(super) async fn settled(rig: &Rig, acknowledged: &Acknowledged) {
    let began = Instant::now();
    loop {
        let mut faults = faults_of_documents(rig.mongodb(), acknowledged).await;
        if faults.is_empty() {
            faults = faults_of_queues(rig).await;
        }
        if faults.is_empty() {
            break;
        }
        assert!(
            began.elapsed() < SETTLING,
            "after {SETTLING:?} still {} faults: {}; {acknowledged}",
            faults.len(),
            faults[..faults.len().min(SHOWN)].join(", ")
        );
        sleep(PAUSE).await;
    }
    witnesses_agree(rig, acknowledged).await;
}

async fn faults_of_documents(mongodb: &Database, acknowledged: &Acknowledged) -> Vec<String> {
    let mut faults = Vec::new();
    let mut stored = HashMap::new();
    for like in all(mongodb, "likes").await {
        let id = |field| like.get_object_id(field).unwrap();
        let reaction = like.get_str("reaction").unwrap().to_owned();
        let of = (id("user_id"), id("post_id"));
        if stored.insert(of, reaction).is_some() {
            faults.push(format!("two likes of {of:?}"));
        }
    }
    for (of, told) in &acknowledged.reactions {
        let stored = stored.get(of).map(String::as_str);
        if stored != *told {
            faults.push(format!("{of:?} is {stored:?} and was told {told:?}"));
        }
    }
    for of in stored.keys() {
        if !acknowledged.reactions.contains_key(of) {
            faults.push(format!("nobody was told of {of:?}"));
        }
    }
    let counts: HashMap<ObjectId, i64> = all(mongodb, "posts")
        .await
        .into_iter()
        .map(|post| (post.get_object_id("_id").unwrap(), likes_count(&post)))
        .collect();
    for post in &acknowledged.posts {
        let documents = stored.keys().filter(|(_, liked)| liked == post).count();
        if counts[post] != i64::try_from(documents).unwrap() {
            let count = counts[post];
            faults.push(format!("{post} counts {count} and has {documents} likes"));
        }
    }
    let waiting = all(mongodb, "posts_outbox").await.len();
    if waiting > 0 {
        faults.push(format!("{waiting} rows wait in posts_outbox"));
    }
    faults
}

fn likes_count(post: &Document) -> i64 {
    let count = post.get("likes_count").unwrap();
    let narrow = count.as_i32().map(i64::from);
    narrow.or_else(|| count.as_i64()).unwrap()
}

async fn all(mongodb: &Database, name: &str) -> Vec<Document> {
    let collection = mongodb.collection(name);
    let documents = collection.find(doc! {}).await.unwrap();
    documents.try_collect().await.unwrap()
}

/// Nothing waits, nothing is in anybody's hands, and nothing is with the dead
/// letters. What people are to be told of it waits for whoever will tell them.
async fn faults_of_queues(rig: &Rig) -> Vec<String> {
    let queues = rig.servers.queues().await;
    let full = queues
        .iter()
        .filter(|queue| queue.name != NOTIFICATIONS)
        .filter(|queue| queue.ready + queue.unacknowledged > 0);
    full.map(|queue| format!("{queue:?}")).collect()
}

/// People see what was counted, and themselves in it.
async fn witnesses_agree(rig: &Rig, acknowledged: &Acknowledged) {
    for post in &acknowledged.posts {
        let all = acknowledged.reactions.iter();
        let likes = all.filter(|((_, liked), told)| liked == post && told.is_some());
        let count = likes.count();
        let path = format!("/api/posts/{post}");
        for (n, user) in acknowledged.people.iter().take(WITNESSES).enumerate() {
            let door = user.at(&rig.gateways[n % rig.gateways.len()].client());
            let seen = door.get(&path).await.expect(200);
            let of = (user.id.parse().unwrap(), *post);
            let told = acknowledged.reactions.get(&of).copied().flatten();
            assert_eq!(seen["is_liked"], told.is_some(), "{of:?}: {seen}");
            assert_eq!(seen["reaction"].as_str(), told, "{of:?}: {seen}");
            assert_eq!(seen["likes_count"], count, "{of:?}: {seen}");
        }
    }
}
