//! The `likes_count` of posts, compared with the likes that are stored.

use bson::{Bson, DateTime, doc, oid::ObjectId};
use contracts::posts::v1::{
    VerifyLikeCountsRequest, VerifyLikeCountsResponse,
    counters_service_client::CountersServiceClient,
};
use tonic::{Code, Status};

use crate::apply_likes::{Rig, like, people};

async fn verify(
    rig: &Rig,
    after: &str,
    limit: u32,
    repair: bool,
) -> Result<VerifyLikeCountsResponse, Status> {
    let request = VerifyLikeCountsRequest {
        after_post_id: after.to_owned(),
        limit,
        repair,
    };
    let mut counters = CountersServiceClient::new(rig.replica.channel());
    let answer = counters.verify_like_counts(request).await?;
    Ok(answer.into_inner())
}

/// All pages: how many posts were looked at, and what is wrong.
async fn verify_all(rig: &Rig, limit: u32, repair: bool) -> (u32, Vec<(String, i64, i64)>) {
    let (mut found, mut examined, mut after) = (Vec::new(), 0, String::new());
    loop {
        let page = verify(rig, &after, limit, repair).await.unwrap();
        examined += page.examined;
        let wrong = page.mismatches.into_iter();
        found.extend(wrong.map(|it| (it.post_id, it.stored, it.counted)));
        if page.last_post_id.is_empty() {
            return (examined, found);
        }
        assert!(page.last_post_id > after);
        after = page.last_post_id;
    }
}

async fn set_count(rig: &Rig, post: ObjectId, count: impl Into<Bson>) {
    let set = doc! { "$set": { "likes_count": count.into() } };
    let posts = rig.collection("posts");
    let update = posts.update_one(doc! { "_id": post }, set).await;
    assert_eq!(update.unwrap().matched_count, 1);
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
    set_count(&rig, high, 7_i64).await;
    set_count(&rig, low, -2).await;
    set_count(&rig, odd, "many").await;
    set_count(&rig, old, Bson::Null).await;
    set_count(&rig, deleted, 3.0).await;
    let gone = doc! { "$set": { "deleted_at": DateTime::now() } };
    let delete = rig.collection("posts");
    delete
        .update_one(doc! { "_id": deleted }, gone)
        .await
        .unwrap();
    // Nobody counts these, and what has another kind of id is no post.
    rig.replica
        .apply(vec![like(bo, ObjectId::new(), 1)])
        .await
        .unwrap();
    let stray = rig.collection("posts");
    stray.insert_one(doc! { "_id": "stray" }).await.unwrap();

    let wrong = |post: ObjectId, stored: i64| (post.to_hex(), stored, 1);
    let expected = [
        wrong(high, 7),
        wrong(low, -2),
        wrong(odd, 0),
        wrong(deleted, 3),
    ];
    for (limit, repair) in [(1, false), (4, false), (1_000, false), (2, true)] {
        let (examined, found) = verify_all(&rig, limit, repair).await;
        assert_eq!((examined, &found[..]), (6, &expected[..]), "limit {limit}");
    }
    assert_eq!(verify_all(&rig, 1_000, false).await, (6, Vec::new()));
    for post in [right, high, low, odd, deleted] {
        assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(1)));
    }
}

#[tokio::test]
async fn a_page_without_bounds_is_refused() {
    let rig = Rig::start().await;
    for (after, limit) in [("", 0), ("", 1_001), ("x", 1)] {
        let refused = verify(&rig, after, limit, false).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn likes_may_come_while_counts_are_compared_and_repaired() {
    let rig = Rig::start().await;
    let post = rig.post(ObjectId::new()).await;
    set_count(&rig, post, 1_000).await;
    let applying = async {
        for _ in 0..30 {
            let jobs = people::<5>().map(|user| like(user, post, 1));
            rig.replica.apply(jobs.to_vec()).await.unwrap();
        }
    };
    let repairing = async {
        let (_, found) = verify_all(&rig, 10, true).await;
        assert_eq!(found.len(), 1);
        // From then on, every moment is right.
        loop {
            assert_eq!(verify_all(&rig, 10, false).await, (1, Vec::new()));
        }
    };
    tokio::select! {
        () = applying => {}
        () = repairing => {}
    }
    assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(150)));
}
