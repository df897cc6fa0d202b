//! Accounts that are gone for good take with them all that they have made, and
//! leave every count exact.

use std::{collections::BTreeMap, time::Duration};

use bson::{DateTime, Document, doc, oid::ObjectId};
use cache::redis::AsyncCommands;
use contracts::{
    events::v1::{ContentType, UserErased, event::Fact},
    posts::v1::VerifyContentCountsRequest,
};
use mongodb::{Collection, Database};
use testkit::{Stack, User, eventually};

use crate::{
    SOON,
    accounts::tell,
    applied,
    apply_likes::{Rig, like, people, replica::Replica},
    grpc::counters,
    ids, path, patient, planted,
};

fn collection(stack: &Stack, name: &str) -> Collection<Document> {
    stack.mongodb().collection(name)
}

async fn count(stack: &Stack, name: &str, filter: Document) -> u64 {
    let documents = collection(stack, name);
    documents.count_documents(filter).await.unwrap()
}

/// Tells posts that `user` is gone, and waits until all that is left is looked
/// after.
async fn erase(stack: &Stack, user: &User) {
    let user_id = user.id.clone();
    tell(stack, Fact::UserErased(UserErased { user_id })).await;
    erased(stack.mongodb(), planted::oid(user)).await;
}

/// Waits until nothing is left of `user`.
async fn erased(mongodb: &Database, user: ObjectId) {
    let count = async |name: &str, filter: Document| {
        let documents = mongodb.collection::<Document>(name);
        documents.count_documents(filter).await.unwrap()
    };
    eventually(SOON, async || {
        // Somebody is to look again later than when it began, or never again.
        let looked_after = doc! { "_id": user, "$expr": { "$ne": ["$due_at", "$at"] } };
        count("posts_erasures", looked_after).await == 1
            && count("posts_erased_content", doc! {}).await == 0
    })
    .await;
}

/// How many documents there are that say anything of `user`, by collection.
async fn traces(stack: &Stack, user: &User) -> BTreeMap<&'static str, u64> {
    let id = planted::oid(user);
    let mut traces = BTreeMap::new();
    for (name, field) in [
        ("posts", "user_id"),
        ("comments", "user_id"),
        ("likes", "user_id"),
        ("saved_posts", "user_id"),
        ("post_counts", "_id"),
        ("fanout_modes", "_id"),
        ("like_tombstones", "user_id"),
        ("posts_idempotency", "user_id"),
    ] {
        let found = count(stack, name, doc! { field: id }).await;
        if found > 0 {
            traces.insert(name, found);
        }
    }
    traces
}

async fn assert_counts_are_exact(stack: &Stack) {
    for content_type in [ContentType::Post, ContentType::Comment] {
        let request = VerifyContentCountsRequest {
            content_type: content_type.into(),
            limit: 1_000,
            ..VerifyContentCountsRequest::default()
        };
        let answer = counters(stack).verify_content_counts(request).await;
        assert_eq!(answer.unwrap().into_inner().mismatches, []);
    }
}

#[tokio::test]
async fn everything_goes_and_the_counts_of_others_stay_exact() {
    let stack = patient().await;
    let (ana, bo, cleo) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cleo").await,
    );
    bo.follow(&ana).await;
    let once = (*ana).clone().with_header("idempotency-key", "k");
    let body = serde_json::json!({ "content": "mine #tag" });
    let mine = once.post("/api/posts", &body).await.expect(201);
    let gone = ana.publish("deleted").await;
    ana.delete(&path(&gone)).await.expect(204);
    let on_mine = bo.comment(&mine, "nice").await;
    cleo.reply(&on_mine, "very").await;
    bo.like(&mine).await;
    cleo.like_comment(&on_mine).await;
    cleo.save(&mine).await;

    let theirs = bo.publish("bo's").await;
    let thread = ana.comment(&theirs, "first").await;
    let lost = cleo.reply(&thread, "goes with it").await;
    let stays = cleo.comment(&theirs, "second").await;
    ana.reply(&stays, "a reply").await;
    let kept = bo.reply(&stays, "another").await;
    bo.like_comment(&lost).await;
    for liked in [&stays, &kept] {
        ana.like_comment(liked).await;
        bo.like_comment(liked).await;
    }
    ana.like(&theirs).await;
    cleo.like(&theirs).await;
    ana.save(&theirs).await;
    cleo.save(&theirs).await;
    ana.get("/api/posts/feed").await.expect(200);
    ana.get("/api/posts/explore").await.expect(200);
    applied(&stack).await;

    erase(&stack, &ana).await;

    assert_eq!(traces(&stack, &ana).await, BTreeMap::new());
    let gone = [&mine, &gone, &on_mine, &thread, &lost].map(planted::id);
    let on_gone = doc! { "post_id": { "$in": gone } };
    for name in ["comments", "likes", "saved_posts"] {
        assert_eq!(count(&stack, name, on_gone.clone()).await, 0, "{name}");
    }
    let theirs = bo.get(&path(&theirs)).await.expect(200);
    let counted = ["likes_count", "comments_count", "saves_count"].map(|name| &theirs[name]);
    assert_eq!(counted, [1, 2, 1]);
    let comments = format!("{}/comments", path(&theirs));
    let [comment] = bo.list(&comments).await.try_into().unwrap();
    assert_eq!(
        (&comment["replies_count"], &comment["likes_count"]),
        (&1.into(), &1.into())
    );
    assert_counts_are_exact(&stack).await;
    bo.get(&path(&mine))
        .await
        .expect_problem(404, "post_not_found");
    let feed = bo.list("/api/posts/feed").await;
    assert_eq!(ids(&feed), ids(&[theirs]));

    let mut redis = stack.redis();
    let keys: Vec<String> = redis.keys(format!("*{}*", ana.id)).await.unwrap();
    let outlives = |key: &String| {
        // These run out within minutes, or six hours.
        let pages = format!("feed:{}:", ana.id);
        ![
            "relation:",
            "rl:",
            "explore:order:",
            "trending:said:",
            &pages,
        ]
        .iter()
        .any(|short| key.starts_with(short))
    };
    let keys: Vec<String> = keys.into_iter().filter(outlives).collect();
    assert_eq!(keys, Vec::<String>::new());
}

/// An account with more of everything than goes at once, next to somebody
/// whose things it has liked and saved and commented on.
async fn plant_much(rig: &Rig, gone: ObjectId, other: ObjectId) {
    let at = |n: i32| DateTime::from_millis(n.into());
    let of_gone: Vec<_> = (0..230).map(|n| planted::post(gone, n)).collect();
    let mut of_other: Vec<_> = (0..130).map(|n| planted::post(other, n)).collect();
    let (mut likes, mut saves, mut comments) = (Vec::new(), Vec::new(), Vec::new());
    for (n, post) in (0..).zip(&mut of_other) {
        let post_id = post.get_object_id("_id").unwrap();
        let act = doc! { "user_id": gone, "post_id": post_id, "created_at": at(n) };
        let mut like = act.clone();
        like.insert("type", "post");
        likes.push(like);
        saves.push(act.clone());
        let mut comment = act;
        comment.extend(doc! { "parent_id": null, "content": "hi" });
        comments.push(comment);
        // As the predecessor left them.
        post.extend(doc! { "likes_count": 1.0, "saves_count": 1, "comments_count": "1" });
    }
    for post in &of_gone[..2] {
        let post_id = post.get_object_id("_id").unwrap();
        comments.extend((0..250).map(|n| {
            doc! {
                "user_id": other, "post_id": post_id, "parent_id": null,
                "content": "so many", "created_at": at(n),
            }
        }));
    }
    for (name, documents) in [
        ("posts", [of_gone, of_other].concat()),
        ("likes", likes),
        ("saved_posts", saves),
        ("comments", comments),
    ] {
        let inserted = rig.collection(name).insert_many(documents).await;
        inserted.unwrap();
    }
}

#[tokio::test]
async fn a_large_account_goes_piece_by_piece_wherever_that_is_interrupted() {
    let mut rig = Rig::start().await;
    let (gone, other) = (ObjectId::new(), ObjectId::new());
    plant_much(&rig, gone, other).await;
    let now = DateTime::now();
    rig.plant(
        "posts_erasures",
        doc! { "_id": gone, "at": now, "due_at": now },
    )
    .await;
    let left = async |rig: &Rig| {
        let mut left = 0;
        for name in ["posts", "likes", "saved_posts", "comments"] {
            let all = rig.collection(name).count_documents(doc! {}).await;
            left += all.unwrap();
        }
        left
    };
    // What is not the account's, and hangs on nothing of it.
    let stays = 130;
    for _ in 0..4 {
        let before = left(&rig).await;
        eventually(SOON, async || left(&rig).await < before).await;
        // In the middle of whatever it is doing.
        rig.replica = Replica::start(&rig.deployment, &[]).await;
    }
    assert!(
        left(&rig).await > stays,
        "all was done before the last one came"
    );
    erased(rig.deployment.sandbox().mongodb(), gone).await;
    assert_eq!(left(&rig).await, stays);
    let wrong = doc! { "$or": [
        { "likes_count": { "$ne": 0 } }, { "saves_count": { "$ne": 0 } },
        { "comments_count": { "$ne": 0 } },
    ] };
    let posts = rig.collection("posts");
    assert_eq!(posts.count_documents(wrong).await.unwrap(), 0);
}

#[tokio::test]
async fn what_had_begun_before_is_found_by_a_second_look() {
    let stack = patient().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = bo.publish("hi").await;
    erase(&stack, &ana).await;

    // By a replica that had not heard of it.
    ana.save(&post).await;
    ana.comment(&post, "late").await;
    ana.publish("late").await;
    assert_eq!(traces(&stack, &ana).await.len(), 4);
    stack.clock().advance(Duration::from_mins(2));
    let done = doc! { "_id": planted::oid(&ana), "due_at": null };
    eventually(SOON, async || {
        count(&stack, "posts_erasures", done.clone()).await == 1
    })
    .await;
    assert_eq!(traces(&stack, &ana).await, BTreeMap::new());
    let post = bo.get(&path(&post)).await.expect(200);
    assert_eq!(
        (&post["saves_count"], &post["comments_count"]),
        (&0.into(), &0.into())
    );
}

#[tokio::test]
async fn a_like_of_an_account_that_is_gone_is_refused_however_late() {
    let rig = Rig::start().await;
    let [gone, author] = people();
    let post = rig.post(author).await;
    let erasure = doc! { "_id": gone, "at": DateTime::now() };
    rig.plant("posts_erasures", erasure).await;
    let jobs = [gone, author].map(|user| like(user, post, 1)).to_vec();
    let answer = rig.replica.apply(jobs).await.unwrap();
    assert_eq!((answer.applied, answer.orphaned), (1, 1));
    assert_eq!(rig.likes_count(post).await, Some(1_i64.into()));
}
