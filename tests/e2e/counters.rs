//! `anufy verify counters` beside a stack at work.

use std::time::Duration;

use mongodb::bson::{Document, doc, oid::ObjectId};
use secrecy::ExposeSecret;
use testkit::{Process, Stack, User, eventually};

const SOON: Duration = Duration::from_secs(20);

/// What a run of `anufy` came to: its exit status and what it wrote.
async fn anufy(arguments: &[&str], environment: Vec<(&str, String)>) -> (Option<i32>, String) {
    let mut process = Process::service("anufy", arguments, environment);
    let status = process.wait_exit(Duration::from_mins(1)).await;
    (status.code(), process.output().join("\n"))
}

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

/// Ana has a follower and two posts, and everything is counted.
async fn counted(stack: &Stack) -> (User, User) {
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    bo.follow(&ana).await;
    ana.publish("one").await;
    ana.publish("two").await;
    eventually(SOON, async || {
        let counters = stack.mongodb().collection::<Document>("users");
        let own = doc! { "_id": oid(&ana), "posts_count": 2, "followers_count": 1 };
        counters.find_one(own).await.unwrap().is_some()
    })
    .await;
    (ana, bo)
}

fn oid(user: &User) -> ObjectId {
    user.id.parse().unwrap()
}

async fn set(stack: &Stack, collection: &str, user: &User, wrong: Document) {
    let documents = stack.mongodb().collection::<Document>(collection);
    let update = documents.update_one(doc! { "_id": oid(user) }, doc! { "$set": wrong });
    assert_eq!(update.await.unwrap().matched_count, 1);
}

#[tokio::test]
async fn counters_of_a_stack_at_work_are_right() {
    let stack = Stack::start().await;
    counted(&stack).await;
    let (status, output) = verify(&stack, &[]).await;
    assert_eq!(status, Some(0), "{output}");
    assert!(output.contains("2 accounts and 1 authors compared: 0 counters wrong"));
}

#[tokio::test]
async fn every_wrong_counter_is_named_and_repaired_when_asked() {
    let stack = Stack::start().await;
    let (ana, bo) = counted(&stack).await;
    set(&stack, "users", &ana, doc! { "followers_count": 7_i64 }).await;
    set(&stack, "users", &bo, doc! { "following_count": 0_i64 }).await;
    set(&stack, "users", &bo, doc! { "posts_count": 3_i64 }).await;
    set(&stack, "post_counts", &ana, doc! { "count": 1_i64 }).await;
    let wrong = [
        format!("followers_count of {}: said 7, is 1", ana.id),
        format!("following_count of {}: said 0, is 1", bo.id),
        format!("posts_count of {}: said 3, is 0", bo.id),
        format!("count in post_counts of {}: said 1, is 2", ana.id),
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
    let (ana, _) = counted(&stack).await;
    // As after a backup of posts was played back.
    let later = doc! { "posts_count": 9_i64, "posts_count_version": 40_i64 };
    set(&stack, "users", &ana, later).await;
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
