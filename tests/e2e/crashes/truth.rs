//! What must be true whenever everything has come to its end, whoever was
//! killed meanwhile. Counted from the documents, not asked of the services.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use mongodb::{
    Database,
    bson::{Bson, Document, doc, oid::ObjectId},
};

/// Collections in which nothing may be left over.
const QUEUES: [&str; 3] = ["auth_outbox", "posts_outbox", "follow_changes"];

/// Everything that is not as it must be.
pub(super) async fn faults(mongodb: &Database) -> Vec<String> {
    let mut faults = Vec::new();
    for name in QUEUES {
        let left = all(mongodb, name).await.len();
        if left > 0 {
            faults.push(format!("{left} rows in {name}"));
        }
    }
    let follows = all(mongodb, "follows").await;
    let accepted = || {
        follows
            .iter()
            .filter(|it| it.get_str("status").is_ok_and(|it| it == "accepted"))
    };
    let posts = all(mongodb, "posts").await;
    let shown = posts
        .iter()
        .filter(|post| matches!(post.get("deleted_at"), None | Some(Bson::Null)));
    let counts = all(mongodb, "post_counts").await;
    let stored_counts: HashMap<ObjectId, i64> = counts
        .iter()
        .map(|count| (id(count, "_id"), number(count, "count")))
        .collect();
    let likes = tally(all(mongodb, "likes").await.iter(), "post_id");
    for post in &posts {
        let (post_id, stored) = (id(post, "_id"), number(post, "likes_count"));
        let expected = likes.get(&post_id).copied().unwrap_or(0);
        if stored != expected {
            faults.push(format!(
                "likes_count of {post_id} is {stored} and not {expected}"
            ));
        }
    }
    let followers = tally(accepted(), "followee_id");
    let following = tally(accepted(), "follower_id");
    let posts = tally(shown, "user_id");
    for user in all(mongodb, "users").await {
        let user_id = id(&user, "_id");
        let of = |counted: &HashMap<ObjectId, i64>| counted.get(&user_id).copied().unwrap_or(0);
        for (name, stored, expected) in [
            (
                "followers_count",
                number(&user, "followers_count"),
                of(&followers),
            ),
            (
                "following_count",
                number(&user, "following_count"),
                of(&following),
            ),
            ("posts_count", number(&user, "posts_count"), of(&posts)),
            ("post_counts", of(&stored_counts), of(&posts)),
        ] {
            if stored != expected {
                let who = user.get_str("username").unwrap();
                faults.push(format!("{name} of {who} is {stored} and not {expected}"));
            }
        }
    }
    faults
}

async fn all(mongodb: &Database, name: &str) -> Vec<Document> {
    let collection = mongodb.collection(name);
    let documents = collection.find(doc! {}).await.unwrap();
    documents.try_collect().await.unwrap()
}

fn tally<'a>(documents: impl Iterator<Item = &'a Document>, field: &str) -> HashMap<ObjectId, i64> {
    let mut tally = HashMap::new();
    for document in documents {
        *tally.entry(id(document, field)).or_insert(0) += 1;
    }
    tally
}

fn id(document: &Document, field: &str) -> ObjectId {
    document.get_object_id(field).unwrap()
}

fn number(document: &Document, field: &str) -> i64 {
    match document.get(field) {
        Some(Bson::Int32(number)) => (*number).into(),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{field} is {other:?}"),
    }
}
