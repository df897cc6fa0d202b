use std::{collections::BTreeMap, time::Duration};

use bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use futures_util::{
    TryStreamExt,
    future::{join, join_all},
};
use mongodb::{Collection, IndexModel, options::IndexOptions};
use posts::MigrationReport;
use testkit::{Deployment, Sandbox, Stack, eventually};

use crate::{ids, patient, planted, posts_of};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn old_posts_are_dated_and_counted_and_then_nothing_more_happens() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let author = planted::oid(&ana);
    let undated = |seconds: u32| {
        let id = ObjectId::from_parts(seconds, [0; 5], [0; 3]);
        doc! { "_id": id, "user_id": author, "caption": "old" }
    };
    let mut textual = undated(5_000);
    textual.insert("created_at", "1970-01-01T01:00:00Z");
    let mut unreadable = undated(6_000);
    unreadable.insert("created_at", "once");
    let mut numeric = undated(7_000);
    numeric.insert("created_at", 1_000_000.0);
    let mut null = undated(2_000);
    null.insert("created_at", Bson::Null);
    // In the order in which they belong: 6,000 s, 4,000 s, 3,600 s, 2,000 s, 1,000 s.
    let old = [unreadable, undated(4_000), textual, null, numeric];
    planted::posts(&stack).insert_many(&old).await.unwrap();
    let mut deleted = planted::post(planted::oid(&bo), 1);
    deleted.insert("deleted_at", DateTime::now());
    planted::posts(&stack).insert_one(deleted).await.unwrap();
    assert!(posts_of(&ana, &ana).await.is_empty());

    for _ in 0..2 {
        stack.migrate().await;
        let expected: Vec<String> = old
            .iter()
            .map(|post| post.get_object_id("_id").unwrap().to_hex())
            .collect();
        assert_eq!(ids(&posts_of(&ana, &ana).await), expected);
        assert_eq!(planted::count(&stack, &ana).await, Some((5, 1)));
        assert_eq!(planted::count(&stack, &bo).await, Some((0, 1)));
    }
    eventually(SOON, async || ana.me().await["posts_count"] == 5).await;
}

#[tokio::test]
async fn it_may_run_beside_the_service_and_beside_itself() {
    let stack = patient().await;
    let mut users = Vec::new();
    for n in 0..6 {
        let user = stack.user(&format!("u{n}")).await;
        let old: Vec<Document> = (0..3)
            .map(|millis| planted::post(planted::oid(&user), millis))
            .collect();
        planted::posts(&stack).insert_many(old).await.unwrap();
        users.push(user);
    }
    let posting = join_all(
        users
            .iter()
            .map(|user| async { join(user.publish("hi"), user.publish("ho")).await }),
    );
    let migrating = join(stack.migrate(), stack.migrate());
    join(posting, migrating).await;
    for user in &users {
        let (count, version) = planted::count(&stack, user).await.unwrap();
        assert_eq!(count, 5);
        assert!((2..=3).contains(&version), "{version}");
        assert_eq!(planted::stored(&stack, user).await, 5);
    }
}

/// A deployment that was not migrated yet, and its likes.
async fn old_deployment() -> (Deployment, Collection<Document>) {
    let deployment = Deployment::new(Sandbox::create().await).await;
    let likes = deployment.sandbox().mongodb().collection("likes");
    (deployment, likes)
}

/// A like as the predecessor stored it, made so many seconds after its epoch.
fn old_like(user: ObjectId, post: ObjectId, seconds: u32) -> Document {
    let mut id = ObjectId::new().bytes();
    id[..4].copy_from_slice(&seconds.to_be_bytes());
    doc! {
        "_id": ObjectId::from_bytes(id),
        "user_id": user,
        "post_id": post,
        "type": "post",
        "created_at": DateTime::from_millis(i64::from(seconds) * 1_000),
        "__v": 0,
    }
}

async fn all(documents: &Collection<Document>) -> Vec<Document> {
    let all = documents.find(doc! {}).sort(doc! { "_id": 1 });
    all.await.unwrap().try_collect().await.unwrap()
}

/// The indexes over who likes what, by name.
async fn pair_indexes(likes: &Collection<Document>) -> Vec<(String, bool)> {
    let indexes: Vec<IndexModel> = likes
        .list_indexes()
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let pairs = indexes
        .into_iter()
        .filter(|index| index.keys == doc! { "user_id": 1, "post_id": 1 });
    let named = pairs.map(|index| {
        let options = index.options.unwrap();
        (options.name.unwrap(), options.unique.unwrap_or_default())
    });
    named.collect()
}

/// The fields of a document, in no order of theirs.
fn sorted(document: &Document) -> BTreeMap<String, Bson> {
    document.clone().into_iter().collect()
}

fn likes_of(report: MigrationReport) -> (u64, u64) {
    (report.likes_completed, report.likes_removed)
}

#[tokio::test]
async fn of_likes_that_are_there_twice_the_oldest_stays_and_the_counts_follow() {
    let (deployment, likes) = old_deployment().await;
    let posts = deployment
        .sandbox()
        .mongodb()
        .collection::<Document>("posts");
    let [ana, bo, one, two, reel] = [(); 5].map(|()| ObjectId::new());
    for (post, count) in [(one, Bson::Double(4.0)), (two, Bson::Int32(0))] {
        let post = doc! { "_id": post, "user_id": bo, "likes_count": count };
        posts.insert_one(post).await.unwrap();
    }
    let mut of_a_reel = [old_like(ana, reel, 5), old_like(ana, reel, 6)];
    for like in &mut of_a_reel {
        like.insert("type", "reel");
    }
    let kept = [
        old_like(ana, one, 7),
        old_like(bo, one, 8),
        old_like(ana, two, 9),
        of_a_reel[0].clone(),
    ];
    likes.insert_many(&kept).await.unwrap();
    // Whose id is older than its date.
    let mut later = old_like(ana, one, 1);
    later.insert("created_at", DateTime::from_millis(99_000));
    let doubled = [
        later,
        old_like(ana, one, 70),
        old_like(ana, two, 90),
        of_a_reel[1].clone(),
        // Of nobody, and of nothing.
        doc! { "post_id": one, "type": "post", "created_at": DateTime::from_millis(1) },
        doc! { "post_id": one, "type": "post", "created_at": DateTime::from_millis(2) },
    ];
    likes.insert_many(&doubled).await.unwrap();

    assert_eq!(likes_of(deployment.migrate_posts().await), (0, 5));
    let left = all(&likes).await;
    assert_eq!(left.len(), 5);
    for like in &kept {
        assert!(left.contains(like), "{like} is not in {left:?}");
    }
    // Never below what there can be.
    let counts = all(&posts).await;
    let counts: Vec<_> = counts.iter().map(|post| post.get("likes_count")).collect();
    assert_eq!(counts, [Some(&Bson::Int64(1)), Some(&Bson::Int64(0))]);
    assert_eq!(
        pair_indexes(&likes).await,
        [("user_id_post_id".to_owned(), true)]
    );
    assert_eq!(deployment.migrate_posts().await, MigrationReport::default());
    assert_eq!(all(&likes).await, left);
}

#[tokio::test]
async fn old_likes_get_the_time_and_the_type_that_they_lack() {
    let (deployment, likes) = old_deployment().await;
    let mut planted: Vec<Document> = (0..6)
        .map(|n| old_like(ObjectId::new(), ObjectId::new(), 1_000 + n))
        .collect();
    planted[0].remove("created_at");
    planted[1].insert("created_at", Bson::Null);
    planted[2].insert("created_at", "1970-01-01T00:00:05Z");
    planted[3].remove("type");
    planted[4].remove("type");
    planted[4].remove("created_at");
    likes.insert_many(&planted).await.unwrap();

    assert_eq!(likes_of(deployment.migrate_posts().await), (6, 0));
    let seconds = |like: &Document| {
        let since = like.get_datetime("created_at").unwrap();
        assert_eq!(like.get_str("type").unwrap(), "post");
        since.timestamp_millis() / 1_000
    };
    let dates: Vec<i64> = all(&likes).await.iter().map(seconds).collect();
    assert_eq!(dates, [1_000, 1_001, 5, 1_003, 1_004, 1_005]);
    assert_eq!(deployment.migrate_posts().await, MigrationReport::default());
}

#[tokio::test]
async fn an_index_of_the_predecessor_serves_or_makes_room() {
    for is_unique in [true, false] {
        let (deployment, likes) = old_deployment().await;
        let options = IndexOptions::builder()
            .name("user_id_1_post_id_1".to_owned())
            .unique(is_unique)
            .build();
        let index = IndexModel::builder().keys(doc! { "user_id": 1, "post_id": 1 });
        likes
            .create_index(index.options(options).build())
            .await
            .unwrap();
        let like = old_like(ObjectId::new(), ObjectId::new(), 5);
        let (mut untyped, mut again) = (like.clone(), like.clone());
        untyped.remove("type");
        likes.insert_one(untyped).await.unwrap();
        if !is_unique {
            again.insert("_id", ObjectId::new());
            again.insert("created_at", DateTime::from_millis(9_000));
            likes.insert_one(&again).await.unwrap();
        }
        for expected in [(1, u64::from(!is_unique)), (0, 0)] {
            assert_eq!(likes_of(deployment.migrate_posts().await), expected);
            let left: Vec<_> = all(&likes).await.iter().map(sorted).collect();
            assert_eq!(left, [sorted(&like)]);
        }
        let name = if is_unique {
            "user_id_1_post_id_1"
        } else {
            "user_id_post_id"
        };
        assert_eq!(pair_indexes(&likes).await, [(name.to_owned(), true)]);
    }
}
