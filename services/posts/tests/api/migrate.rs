use std::time::Duration;

use bson::{Document, doc, oid::ObjectId};
use futures_util::future::{join, join_all};
use testkit::{Stack, eventually};

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
    null.insert("created_at", bson::Bson::Null);
    // In the order in which they belong: 6,000 s, 4,000 s, 3,600 s, 2,000 s, 1,000 s.
    let old = [unreadable, undated(4_000), textual, null, numeric];
    planted::posts(&stack).insert_many(&old).await.unwrap();
    let mut deleted = planted::post(planted::oid(&bo), 1);
    deleted.insert("deleted_at", bson::DateTime::now());
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
