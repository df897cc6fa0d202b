//! The counters of posts and comments, compared with what they count.

use bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use contracts::{
    events::v1::ContentType,
    posts::v1::{
        VerifyContentCountsRequest, VerifyContentCountsResponse,
        counters_service_client::CountersServiceClient,
    },
    rpc::{Caller, CallerChannel},
};
use futures_util::future::join_all;
use serde_json::Value;
use testkit::{Stack, User};
use tonic::{Code, Status};

use crate::{
    SOON, applied,
    apply_likes::{Rig, like, like_comment, people},
    comment_path, comments_path, path, patient, planted,
};

type Counters = CountersServiceClient<CallerChannel>;

/// A counter that is wrong: whose, its name, what it said, what it should.
type Wrong = (String, String, i64, i64);

fn request(content_type: ContentType, after: &str, limit: u32) -> VerifyContentCountsRequest {
    VerifyContentCountsRequest {
        content_type: content_type.into(),
        after_id: after.to_owned(),
        limit,
        repair: false,
    }
}

async fn verify(
    counters: &mut Counters,
    request: VerifyContentCountsRequest,
) -> Result<VerifyContentCountsResponse, Status> {
    let answer = counters.verify_content_counts(request).await?;
    Ok(answer.into_inner())
}

/// All pages: how many were looked at, and what is wrong.
async fn verify_all(
    mut counters: Counters,
    content_type: ContentType,
    limit: u32,
    repair: bool,
) -> (u32, Vec<Wrong>) {
    let (mut found, mut examined, mut after) = (Vec::new(), 0, String::new());
    loop {
        let request = VerifyContentCountsRequest {
            repair,
            ..request(content_type, &after, limit)
        };
        let page = verify(&mut counters, request).await.unwrap();
        examined += page.examined;
        let wrong = page.mismatches.into_iter();
        found.extend(wrong.map(|it| (it.id, it.counter, it.stored, it.counted)));
        if page.last_id.is_empty() {
            return (examined, found);
        }
        assert!(page.last_id > after);
        after = page.last_id;
    }
}

/// Every counter of the posts and comments of `stack` says what it counts.
pub(crate) async fn nothing_is_wrong(stack: &Stack) {
    let channel = Caller::channel(&stack.posts_grpc_url(), stack.credential(), SOON).unwrap();
    for content_type in [ContentType::Post, ContentType::Comment] {
        let counters = Counters::new(channel.clone());
        let (_, wrong) = verify_all(counters, content_type, 1_000, false).await;
        assert_eq!(wrong, [], "{content_type:?}");
    }
}

impl Rig {
    fn counters(&self) -> Counters {
        Counters::new(self.replica.channel())
    }

    async fn set(&self, collection: &str, id: ObjectId, set: Document) {
        let documents = self.collection(collection);
        let update = documents.update_one(doc! { "_id": id }, doc! { "$set": set });
        assert_eq!(update.await.unwrap().matched_count, 1);
    }

    async fn set_count(&self, post: ObjectId, count: impl Into<Bson>) {
        let set = doc! { "likes_count": count.into() };
        self.set("posts", post, set).await;
    }
}

#[tokio::test]
async fn wrong_counts_are_found_page_by_page_and_repaired() {
    let rig = Rig::start().await;
    let [ana, bo, author] = people();
    let mut posts = Vec::new();
    for _ in 0..6 {
        posts.push(rig.post(author).await);
    }
    posts.sort();
    let [right, high, low, odd, old, deleted] = posts.clone().try_into().unwrap();
    let jobs = [right, high, low, odd, deleted].map(|post| like(ana, post, 1));
    rig.replica.apply(jobs.to_vec()).await.unwrap();
    rig.set_count(high, 7_i64).await;
    rig.set_count(low, -2).await;
    rig.set_count(odd, "many").await;
    rig.set_count(old, Bson::Null).await;
    rig.set_count(deleted, 3.0).await;
    let gone = doc! { "deleted_at": DateTime::now() };
    rig.set("posts", deleted, gone).await;
    // Nobody counts these, and what has another kind of id is no post.
    let nowhere = vec![like(bo, ObjectId::new(), 1)];
    rig.replica.apply(nowhere).await.unwrap();
    let stray = rig.collection("posts");
    stray.insert_one(doc! { "_id": "stray" }).await.unwrap();

    let wrong = |post: ObjectId, stored: i64| (post.to_hex(), "likes_count".to_owned(), stored, 1);
    let expected = [
        wrong(high, 7),
        wrong(low, -2),
        wrong(odd, 0),
        wrong(deleted, 3),
    ];
    let verify =
        async |limit, repair| verify_all(rig.counters(), ContentType::Post, limit, repair).await;
    for (limit, repair) in [(1, false), (4, false), (1_000, false), (2, true)] {
        let (examined, found) = verify(limit, repair).await;
        assert_eq!((examined, &found[..]), (6, &expected[..]), "limit {limit}");
    }
    assert_eq!(verify(1_000, false).await, (6, Vec::new()));
    for post in [right, high, low, odd, deleted] {
        assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(1)));
    }
}

/// A post with a thread of two replies, one of them deleted, a deleted thread
/// with a reply, and a save; all counters wrong.
#[tokio::test]
async fn every_counter_is_compared_with_what_it_counts() {
    let rig = Rig::start().await;
    let [ana, bo, author] = people();
    let post = rig.post(author).await;
    let said = async |parent: Option<ObjectId>| {
        let comment = planted::comment_of(ana, post, parent, 1_000);
        rig.plant("comments", comment).await
    };
    let thread = said(None).await;
    said(Some(thread)).await;
    let lost_reply = said(Some(thread)).await;
    let lost_thread = said(None).await;
    let reply_to_lost = said(Some(lost_thread)).await;
    for lost in [lost_reply, lost_thread] {
        let gone = doc! { "deleted_at": DateTime::now() };
        rig.set("comments", lost, gone).await;
    }
    let likes = vec![
        like(ana, post, 1),
        like_comment(ana, thread, 1),
        like_comment(bo, thread, 1),
        like_comment(bo, reply_to_lost, 1),
    ];
    rig.replica.apply(likes).await.unwrap();
    let save = doc! { "user_id": bo, "post_id": post, "created_at": DateTime::now() };
    rig.plant("saved_posts", save).await;

    rig.set("posts", post, doc! { "likes_count": 5, "saves_count": 5 })
        .await;
    rig.set("comments", thread, doc! { "likes_count": 7_i64 })
        .await;
    let wrong = |id: ObjectId, counter: &str, stored, counted| -> Wrong {
        (id.to_hex(), counter.to_owned(), stored, counted)
    };
    let of_posts = [
        wrong(post, "likes_count", 5, 1),
        wrong(post, "comments_count", 0, 2),
        wrong(post, "saves_count", 5, 1),
    ];
    let mut of_comments = [
        wrong(thread, "likes_count", 7, 2),
        wrong(thread, "replies_count", 0, 1),
        wrong(lost_thread, "replies_count", 0, 1),
    ];
    of_comments.sort();
    for repair in [false, true] {
        let posts = verify_all(rig.counters(), ContentType::Post, 10, repair).await;
        assert_eq!(posts, (1, of_posts.to_vec()));
        let (examined, mut found) =
            verify_all(rig.counters(), ContentType::Comment, 2, repair).await;
        found.sort();
        assert_eq!((examined, &found[..]), (5, &of_comments[..]));
    }
    for content_type in [ContentType::Post, ContentType::Comment] {
        let (_, found) = verify_all(rig.counters(), content_type, 10, false).await;
        assert_eq!(found, []);
    }
}

#[tokio::test]
async fn a_page_without_bounds_is_refused() {
    let rig = Rig::start().await;
    for (of, after, limit) in [
        (ContentType::Post, "", 0),
        (ContentType::Comment, "", 1_001),
        (ContentType::Post, "x", 1),
        (ContentType::Unspecified, "", 1),
        (ContentType::Reel, "", 1),
    ] {
        let refused = verify(&mut rig.counters(), request(of, after, limit)).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn likes_may_come_while_counts_are_compared_and_repaired() {
    let rig = Rig::start().await;
    let post = rig.post(ObjectId::new()).await;
    rig.set_count(post, 1_000).await;
    let applying = async {
        for _ in 0..30 {
            let jobs = people::<5>().map(|user| like(user, post, 1));
            rig.replica.apply(jobs.to_vec()).await.unwrap();
        }
    };
    let repairing = async {
        let verify = async |repair| verify_all(rig.counters(), ContentType::Post, 10, repair).await;
        let (_, found) = verify(true).await;
        assert_eq!(found.len(), 1);
        // From then on, every moment is right.
        loop {
            assert_eq!(verify(false).await, (1, Vec::new()));
        }
    };
    tokio::select! {
        () = applying => {}
        () = repairing => {}
    }
    assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(150)));
}

/// What everybody does at once on one post: comments, replies, deletions of
/// both, by those who made them and by whose post it is.
#[tokio::test]
async fn what_many_say_and_take_back_at_once_is_counted() {
    const PEOPLE: usize = 30;
    let stack = patient().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let people = stack.crowd(&stack.user("p").await, PEOPLE).await;
    let threads = join_all(people.iter().map(|user| user.comment(&post, "one"))).await;
    // Everybody replies in three threads, of which some are being deleted.
    let acts = people.iter().enumerate().map(async |(n, user)| {
        let mut replied = 0;
        for step in [1, 7, 11] {
            let thread = &threads[(n + step) % PEOPLE];
            let body = serde_json::json!({ "content": "two", "parent_id": thread["_id"] });
            let reply = user.post(&comments_path(&post), &body).await;
            // The thread may be gone.
            assert!([201, 404].contains(&reply.status), "{}", reply.status);
            if reply.status == 201 && step == 7 {
                delete_if_there(user, &reply.json()).await;
            }
            replied += usize::from(reply.status == 201);
            if n % 3 == 0 && step == 7 {
                let deleter = if n % 2 == 0 { user } else { &ana };
                delete_if_there(deleter, &threads[n]).await;
            }
        }
        replied
    });
    let replied: usize = join_all(acts).await.into_iter().sum();
    assert!(replied > PEOPLE, "{replied}");
    nothing_is_wrong(&stack).await;
    // What is shown adds up as well.
    let shown = ana.get(&path(&post)).await.expect(200);
    let threads = format!("{}?limit=100", comments_path(&post));
    let threads = ana.list(&threads).await;
    let with_replies = |thread: &Value| 1 + thread["replies_count"].as_i64().unwrap();
    let total: i64 = threads.iter().map(with_replies).sum();
    assert_eq!(shown["comments_count"], total);
}

async fn delete_if_there(user: &User, comment: &Value) {
    let answer = user.delete(&comment_path(comment)).await;
    assert!([204, 404].contains(&answer.status), "{}", answer.status);
}

#[tokio::test]
async fn likes_of_comments_by_many_at_once_are_counted() {
    let stack = patient().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let comment = ana.comment(&post, "one").await;
    let people = stack.crowd(&stack.user("p").await, 20).await;
    let acts = people.iter().enumerate().map(async |(n, user)| {
        user.like_comment(&comment).await;
        user.like(&post).await;
        if n % 4 == 0 {
            let like = format!("{}/like", comment_path(&comment));
            user.delete(&like).await.expect(200);
        }
    });
    join_all(acts).await;
    applied(&stack).await;
    nothing_is_wrong(&stack).await;
    let shown = ana.list(&comments_path(&post)).await;
    assert_eq!(shown[0]["likes_count"], 15);
}
