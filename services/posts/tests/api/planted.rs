//! Documents written straight into MongoDB: those of the predecessor, and
//! more than a test has time to make through the API.

use bson::{DateTime, Document, doc, oid::ObjectId};
use serde_json::Value;
use testkit::{Stack, User};

/// The collection of posts, as documents.
pub(crate) fn posts(stack: &Stack) -> mongodb::Collection<Document> {
    stack.mongodb().collection("posts")
}

/// `user` as MongoDB knows them.
pub(crate) fn oid(user: &User) -> ObjectId {
    ObjectId::parse_str(&user.id).unwrap()
}

/// A post that was made at `millis`.
pub(crate) fn post(author: ObjectId, millis: i64) -> Document {
    doc! {
        "_id": ObjectId::new(),
        "user_id": author,
        "caption": format!("planted at {millis}"),
        "created_at": DateTime::from_millis(millis),
    }
}

/// The id of what the API has shown.
pub(crate) fn id(shown: &Value) -> ObjectId {
    ObjectId::parse_str(shown["_id"].as_str().unwrap()).unwrap()
}

/// The collection of comments, as documents.
pub(crate) fn comments(stack: &Stack) -> mongodb::Collection<Document> {
    stack.mongodb().collection("comments")
}

/// What `user` said about a post at `millis`, as a reply if there is a parent.
pub(crate) fn comment(
    user: &User,
    post: &Value,
    parent: Option<ObjectId>,
    millis: i64,
) -> Document {
    comment_of(oid(user), id(post), parent, millis)
}

/// As [`comment`], by ids.
pub(crate) fn comment_of(
    user: ObjectId,
    post: ObjectId,
    parent: Option<ObjectId>,
    millis: i64,
) -> Document {
    doc! {
        "_id": ObjectId::new(),
        "post_id": post,
        "user_id": user,
        "parent_id": parent,
        "content": format!("said at {millis}"),
        "created_at": DateTime::from_millis(millis),
    }
}

/// The collection of likes, as documents.
pub(crate) fn likes(stack: &Stack) -> mongodb::Collection<Document> {
    stack.mongodb().collection("likes")
}

/// The collection of saves, as documents.
pub(crate) fn saves(stack: &Stack) -> mongodb::Collection<Document> {
    stack.mongodb().collection("saved_posts")
}

/// That `user` saved a post at `millis`.
pub(crate) fn save(user: &User, post: &Value, millis: i64) -> Document {
    doc! {
        "_id": ObjectId::new(),
        "user_id": oid(user),
        "post_id": id(post),
        "created_at": DateTime::from_millis(millis),
    }
}

/// A like that `user` gave at `millis`, as the predecessor stored it.
pub(crate) fn like(user: &User, post: &Value, millis: i64) -> Document {
    doc! {
        "_id": ObjectId::new(),
        "user_id": oid(user),
        "post_id": id(post),
        "type": "post",
        "created_at": DateTime::from_millis(millis),
    }
}

/// The count that is stored for an author: how many, and its version.
pub(crate) async fn count(stack: &Stack, user: &User) -> Option<(i64, i64)> {
    let counts = stack.mongodb().collection::<Document>("post_counts");
    let count = counts.find_one(doc! { "_id": oid(user) }).await.unwrap()?;
    Some((
        count.get_i64("count").unwrap(),
        count.get_i64("version").unwrap(),
    ))
}

/// How many follow `user`, as auth has counted so far.
pub(crate) async fn followers(stack: &Stack, user: &User) -> i64 {
    let users = stack.mongodb().collection::<Document>("users");
    let found = users.find_one(doc! { "_id": oid(user) }).await.unwrap();
    found.unwrap().get_i64("followers_count").unwrap()
}

/// How many posts of an author are stored and not deleted.
pub(crate) async fn stored(stack: &Stack, user: &User) -> i64 {
    let filter = doc! { "user_id": oid(user), "deleted_at": null };
    let count = posts(stack).count_documents(filter).await.unwrap();
    i64::try_from(count).unwrap()
}
