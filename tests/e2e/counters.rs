//! `anufy verify counters` beside a stack at work.

use std::time::Duration;

use mongodb::bson::{Document, doc, oid::ObjectId};
use secrecy::ExposeSecret;
use serde_json::Value;
use testkit::{Stack, User, eventually};

use crate::operator::anufy;

const SOON: Duration = Duration::from_secs(20);

fn owners(stack: &Stack) -> Vec<(&'static str, String)> {
    vec![
        ("AUTH_GRPC_URL", stack.auth_grpc_url()),
        ("POSTS_GRPC_URL", stack.posts_grpc_url()),
        (
            "SERVICE_CREDENTIAL",
            stack.credential().expose_secret().to_owned(),
        ),
    ]
}

async fn verify(stack: &Stack, more: &[&str]) -> (Option<i32>, String) {
    let mut arguments = vec!["verify", "counters", "--settle-time", "2s"];
    arguments.extend(more);
    anufy(&arguments, owners(stack)).await
}

/// What [`counted`] leaves.
struct Counted {
    ana: User,
    bo: User,
    post: ObjectId,
    comment: ObjectId,
}

/// Ana has a follower and two posts, one of which has a like, is saved, and has a
/// comment with a like and a reply, and everything is counted.
async fn counted(stack: &Stack) -> Counted {
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    bo.follow(&ana).await;
    let post = ana.publish("one").await;
    ana.publish("two").await;
    bo.like(&post).await;
    bo.save(&post).await;
    let comment = bo.comment(&post, "indeed").await;
    ana.reply(&comment, "thanks").await;
    ana.like_comment(&comment).await;
    let id = |document: &Value| document["_id"].as_str().unwrap().parse().unwrap();
    let (post, comment): (ObjectId, ObjectId) = (id(&post), id(&comment));
    for (collection, counters) in [
        (
            "users",
            doc! { "_id": oid(&ana), "posts_count": 2, "followers_count": 1 },
        ),
        (
            "posts",
            doc! { "_id": post, "likes_count": 1, "comments_count": 2, "saves_count": 1 },
        ),
        (
            "comments",
            doc! { "_id": comment, "likes_count": 1, "replies_count": 1 },
        ),
    ] {
        let documents = stack.mongodb().collection::<Document>(collection);
        eventually(SOON, async || {
            let counted = documents.find_one(counters.clone()).await.unwrap();
            counted.is_some()
        })
        .await;
    }
    Counted {
        ana,
        bo,
        post,
        comment,
    }
}

fn oid(user: &User) -> ObjectId {
    user.id.parse().unwrap()
}

async fn set(stack: &Stack, collection: &str, id: ObjectId, wrong: Document) {
    let documents = stack.mongodb().collection::<Document>(collection);
    let update = documents.update_one(doc! { "_id": id }, doc! { "$set": wrong });
    assert_eq!(update.await.unwrap().matched_count, 1);
}

#[tokio::test]
async fn counters_of_a_stack_at_work_are_right() {
    let stack = Stack::start().await;
    counted(&stack).await;
    let (status, output) = verify(&stack, &[]).await;
    assert_eq!(status, Some(0), "{output}");
    let summary = "2 accounts, 1 authors, 2 posts and 2 comments compared: 0 counters wrong";
    assert!(output.contains(summary), "{output}");
}

#[tokio::test]
async fn every_wrong_counter_is_named_and_repaired_when_asked() {
    let stack = Stack::start().await;
    let Counted {
        ana,
        bo,
        post,
        comment,
    } = counted(&stack).await;
    for (collection, id, wrong) in [
        ("users", oid(&ana), doc! { "followers_count": 7_i64 }),
        ("users", oid(&bo), doc! { "following_count": 0_i64 }),
        ("users", oid(&bo), doc! { "posts_count": 3_i64 }),
        ("post_counts", oid(&ana), doc! { "count": 1_i64 }),
        ("posts", post, doc! { "likes_count": 5_i64 }),
        ("posts", post, doc! { "comments_count": 0_i64 }),
        ("posts", post, doc! { "saves_count": 6_i64 }),
        ("comments", comment, doc! { "likes_count": 8_i64 }),
        ("comments", comment, doc! { "replies_count": 9_i64 }),
    ] {
        set(&stack, collection, id, wrong).await;
    }
    let wrong = [
        format!("followers_count of {}: said 7, is 1", ana.id),
        format!("following_count of {}: said 0, is 1", bo.id),
        format!("posts_count of {}: said 3, is 0", bo.id),
        format!("count in post_counts of {}: said 1, is 2", ana.id),
        format!("likes_count of {post}: said 5, is 1"),
        format!("comments_count of {post}: said 0, is 2"),
        format!("saves_count of {post}: said 6, is 1"),
        format!("likes_count in comments of {comment}: said 8, is 1"),
        format!("replies_count in comments of {comment}: said 9, is 1"),
    ];

    let (status, output) = verify(&stack, &[]).await;
    assert_eq!(status, Some(1), "{output}");
    for line in &wrong {
        assert!(output.contains(line), "{line} is not in {output}");
    }

    let (status, output) = verify(&stack, &["--repair"]).await;
    assert_eq!(status, Some(0), "{output}");
    for line in &wrong {
        assert!(output.contains(&format!("{line}, repaired")), "{output}");
    }

    let (status, output) = verify(&stack, &[]).await;
    assert_eq!(status, Some(0), "{output}");
    assert_eq!(ana.me().await["followers_count"], 1);
    assert_eq!(ana.me().await["posts_count"], 2);
}

#[tokio::test]
async fn a_copy_that_is_ahead_of_its_original_is_repaired() {
    let stack = Stack::start().await;
    let Counted { ana, .. } = counted(&stack).await;
    // As after a backup of posts was played back.
    let later = doc! { "posts_count": 9_i64, "posts_count_version": 40_i64 };
    set(&stack, "users", oid(&ana), later).await;
    let (status, output) = verify(&stack, &["--repair"]).await;
    assert_eq!(status, Some(0), "{output}");
    assert_eq!(ana.me().await["posts_count"], 2);
    let next = ana.publish("three").await;
    assert!(next["_id"].is_string());
    eventually(SOON, async || ana.me().await["posts_count"] == 3).await;
}

#[tokio::test]
async fn an_owner_that_does_not_answer_is_named() {
    let mut stack = Stack::start().await;
    stack.stop_posts().await;
    let (status, output) = verify(&stack, &[]).await;
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("posts could not be asked"), "{output}");
}

#[tokio::test]
async fn a_command_line_that_says_nothing_is_refused() {
    let (status, output) = anufy(&[], Vec::new()).await;
    assert_eq!(status, Some(64), "{output}");
    let (status, output) = anufy(&["verify", "counters"], Vec::new()).await;
    assert_eq!(status, Some(64), "{output}");
    for missing in ["AUTH_GRPC_URL", "POSTS_GRPC_URL", "SERVICE_CREDENTIAL"] {
        assert!(output.contains(missing), "{missing} is not in {output}");
    }
}
