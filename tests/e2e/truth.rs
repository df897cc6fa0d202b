//! What must be true whenever everything has come to its end, whoever was
//! killed meanwhile. Counted from the documents, not asked of the services.

use std::collections::{HashMap, HashSet};

use mongodb::{
    Database,
    bson::{Bson, Document, oid::ObjectId},
};

use crate::facts::all;

/// Collections in which nothing may be left over.
const QUEUES: [&str; 5] = [
    "auth_outbox",
    "follow_changes",
    "mails",
    "posts_erased_content",
    "posts_outbox",
];

/// How many there are of something, by what they belong to.
type Tally = HashMap<ObjectId, i64>;

/// Everything that is not as it must be.
pub(crate) async fn faults(mongodb: &Database) -> Vec<String> {
    let mut faults = Vec::new();
    for name in QUEUES {
        let left = documents(mongodb, name).await.len();
        if left > 0 {
            faults.push(format!("{left} rows in {name}"));
        }
    }
    let [users, posts, comments] = [
        documents(mongodb, "users").await,
        documents(mongodb, "posts").await,
        documents(mongodb, "comments").await,
    ];
    let [follows, likes, saves] = [
        documents(mongodb, "follows").await,
        documents(mongodb, "likes").await,
        documents(mongodb, "saved_posts").await,
    ];
    let accepted = || follows.iter().filter(|edge| is(edge, "status", "accepted"));
    let of_author = tally(posts.iter().filter(|it| is_there(it)), "user_id");
    let likes = tally(likes.iter(), "post_id");

    let counts = documents(mongodb, "post_counts").await;
    compare(&mut faults, &counts, "count", &of_author);
    for (counter, counted) in [
        ("followers_count", tally(accepted(), "followee_id")),
        ("following_count", tally(accepted(), "follower_id")),
        ("posts_count", of_author),
    ] {
        compare(&mut faults, &users, counter, &counted);
    }
    for (counter, counted) in [
        ("likes_count", likes.clone()),
        ("comments_count", comments_of_posts(&comments)),
        ("saves_count", tally(saves.iter(), "post_id")),
    ] {
        compare(&mut faults, &posts, counter, &counted);
    }
    let replies = comments
        .iter()
        .filter(|it| is_there(it) && parent(it).is_some());
    for (counter, counted) in [
        ("likes_count", likes),
        ("replies_count", tally(replies, "parent_id")),
    ] {
        compare(&mut faults, &comments, counter, &counted);
    }
    faults.extend(unanswered(&users, &follows));
    faults
}

/// Those that are there, and answer to none that is not.
fn comments_of_posts(comments: &[Document]) -> Tally {
    let gone = comments.iter().filter(|it| !is_there(it));
    let gone: HashSet<ObjectId> = gone.map(|it| id(it, "_id")).collect();
    let shown = comments
        .iter()
        .filter(|it| is_there(it) && parent(it).is_none_or(|parent| !gone.contains(&parent)));
    tally(shown, "post_id")
}

/// Whoever is not private has nobody waiting.
fn unanswered(users: &[Document], follows: &[Document]) -> Option<String> {
    let is_public = |user: &&Document| !matches!(user.get_bool("is_private"), Ok(true));
    let public = users.iter().filter(is_public);
    let public: HashSet<ObjectId> = public.map(|it| id(it, "_id")).collect();
    let pending = follows.iter().filter(|edge| is(edge, "status", "pending"));
    let waiting = pending.filter(|edge| public.contains(&id(edge, "followee_id")));
    let waiting = waiting.count();
    (waiting > 0).then(|| format!("{waiting} wait for an account that is not private"))
}

fn compare(faults: &mut Vec<String>, documents: &[Document], counter: &str, tally: &Tally) {
    for document in documents {
        let stored = number(document, counter);
        let expected = tally.get(&id(document, "_id")).copied().unwrap_or(0);
        if stored != expected {
            let what = document.get_str("username").map(str::to_owned);
            let what = what.unwrap_or_else(|_| id(document, "_id").to_hex());
            faults.push(format!(
                "{counter} of {what} is {stored} and not {expected}"
            ));
        }
    }
}

async fn documents(mongodb: &Database, name: &str) -> Vec<Document> {
    all(mongodb, name).await
}

fn tally<'a>(documents: impl Iterator<Item = &'a Document>, field: &str) -> Tally {
    let mut tally = HashMap::new();
    for document in documents {
        *tally.entry(id(document, field)).or_insert(0) += 1;
    }
    tally
}

fn is(document: &Document, field: &str, word: &str) -> bool {
    document.get_str(field).is_ok_and(|it| it == word)
}

fn is_there(document: &Document) -> bool {
    matches!(document.get("deleted_at"), None | Some(Bson::Null))
}

fn parent(comment: &Document) -> Option<ObjectId> {
    comment.get_object_id("parent_id").ok()
}

fn id(document: &Document, field: &str) -> ObjectId {
    document.get_object_id(field).unwrap()
}

/// What is not counted yet is none.
fn number(document: &Document, field: &str) -> i64 {
    match document.get(field) {
        None => 0,
        Some(Bson::Int32(number)) => (*number).into(),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{field} is {other:?}"),
    }
}
