use std::time::Duration;

use bson::{Document, doc, oid::ObjectId};
use contracts::{
    posts::v1::{
        GetPostCountsRequest, GetPostsRequest, RepublishPostCountsRequest, VerifyPostCountsRequest,
        VerifyPostCountsResponse, counters_service_client::CountersServiceClient,
        posts_service_client::PostsServiceClient,
    },
    rpc::{Caller, CallerChannel},
};
use testkit::{Stack, eventually};
use tonic::Code;

use crate::{path, planted};

const SOON: Duration = Duration::from_secs(20);

fn channel(stack: &Stack) -> CallerChannel {
    let (url, credential) = (stack.posts_grpc_url(), stack.credential());
    Caller::channel(&url, credential, Duration::from_secs(5)).unwrap()
}

pub(crate) fn counters(stack: &Stack) -> CountersServiceClient<CallerChannel> {
    CountersServiceClient::new(channel(stack))
}

async fn verify(stack: &Stack, after: &str, limit: u32, repair: bool) -> VerifyPostCountsResponse {
    let request = VerifyPostCountsRequest {
        after_user_id: after.to_owned(),
        limit,
        repair,
    };
    let answer = counters(stack).verify_post_counts(request).await;
    answer.unwrap().into_inner()
}

#[tokio::test]
async fn posts_are_found_by_id_and_deleted_ones_left_out() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let (kept, gone) = (ana.publish("#one @two_").await, ana.publish("gone").await);
    ana.delete(&path(&gone)).await.expect(204);
    let id = |post: &serde_json::Value| post["_id"].as_str().unwrap().to_owned();
    let post_ids = vec![id(&kept), id(&gone), "0".repeat(24)];
    let mut client = PostsServiceClient::new(channel(&stack));
    let found = client.get_posts(GetPostsRequest { post_ids }).await;
    let [post] = found.unwrap().into_inner().posts.try_into().unwrap();
    assert_eq!((post.id, post.author_id), (id(&kept), ana.id.clone()));
    assert_eq!(
        (post.hashtags, post.mentions),
        (vec!["one".to_owned()], vec!["two_".to_owned()])
    );
    assert!(post.created_at.is_some());
}

#[tokio::test]
async fn a_list_without_bounds_or_with_other_things_is_refused() {
    let stack = Stack::start().await;
    for ids in [vec!["0".repeat(24); 1_001], vec!["ana".to_owned()]] {
        let mut posts = PostsServiceClient::new(channel(&stack));
        let request = GetPostsRequest {
            post_ids: ids.clone(),
        };
        let refused = posts.get_posts(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let request = GetPostCountsRequest {
            user_ids: ids.clone(),
        };
        let refused = counters(&stack).get_post_counts(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let request = RepublishPostCountsRequest {
            user_ids: ids,
            above_version: 0,
        };
        let refused = counters(&stack).republish_post_counts(request).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
    for (after_user_id, limit) in [("", 0), ("", 1_001), ("x", 1)] {
        let request = VerifyPostCountsRequest {
            after_user_id: after_user_id.to_owned(),
            limit,
            repair: false,
        };
        let refused = counters(&stack).verify_post_counts(request).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn wrong_counts_are_found_page_by_page_and_repaired() {
    let stack = Stack::start().await;
    let mut users = Vec::new();
    for n in 0..5 {
        let user = stack.user(&format!("u{n}")).await;
        user.publish("hi").await;
        users.push(user);
    }
    users.sort_by(|a, b| a.id.cmp(&b.id));
    let counts = stack.mongodb().collection::<Document>("post_counts");
    // One too high, one that is not there, one of somebody without posts.
    let set = doc! { "$set": { "count": 7_i64 } };
    counts
        .update_one(doc! { "_id": planted::oid(&users[1]) }, set)
        .await
        .unwrap();
    counts
        .delete_one(doc! { "_id": planted::oid(&users[3]) })
        .await
        .unwrap();
    let nobody = ObjectId::new();
    counts
        .insert_one(doc! { "_id": nobody, "count": 2_i64, "version": 5_i64 })
        .await
        .unwrap();
    let expected = [
        (users[1].id.clone(), 7, 1),
        (users[3].id.clone(), 0, 1),
        (nobody.to_hex(), 2, 0),
    ];

    for (limit, repair) in [(1, false), (2, false), (1_000, false), (2, true)] {
        let (mut found, mut examined, mut after) = (Vec::new(), 0, String::new());
        loop {
            let page = verify(&stack, &after, limit, repair).await;
            examined += page.examined;
            found.extend(
                page.mismatches
                    .into_iter()
                    .map(|it| (it.user_id, it.stored, it.counted)),
            );
            if page.last_user_id.is_empty() {
                break;
            }
            assert!(page.last_user_id > after);
            after = page.last_user_id;
        }
        assert_eq!((examined, &found[..]), (6, &expected[..]), "limit {limit}");
    }
    assert_eq!(verify(&stack, "", 1_000, false).await.mismatches, []);
    assert_eq!(planted::count(&stack, &users[1]).await, Some((1, 2)));
    eventually(SOON, async || {
        users[1].me().await["posts_count"] == 1 && users[3].me().await["posts_count"] == 1
    })
    .await;
}

#[tokio::test]
async fn counts_are_told_and_announced_again() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    ana.publish("hi").await;
    eventually(SOON, async || ana.me().await["posts_count"] == 1).await;
    let user_ids = vec![ana.id.clone(), bo.id.clone()];
    let request = GetPostCountsRequest {
        user_ids: user_ids.clone(),
    };
    let told = counters(&stack).get_post_counts(request).await.unwrap();
    let told: Vec<_> = told
        .into_inner()
        .counts
        .into_iter()
        .map(|count| (count.user_id, count.count, count.version))
        .collect();
    assert_eq!(told, [(ana.id.clone(), 1, 1), (bo.id.clone(), 0, 0)]);

    let users = stack.mongodb().collection::<Document>("users");
    let wrong = doc! { "$set": { "posts_count": 9_i64 } };
    users.update_many(doc! {}, wrong).await.unwrap();
    let mut client = counters(&stack);
    for (above_version, version) in [(0, 2), (1, 3), (7, 8)] {
        let request = RepublishPostCountsRequest {
            user_ids: user_ids.clone(),
            above_version,
        };
        client.republish_post_counts(request).await.unwrap();
        let announced = planted::count(&stack, &ana).await;
        assert_eq!(announced, Some((1, version)));
    }
    eventually(SOON, async || {
        ana.me().await["posts_count"] == 1 && bo.me().await["posts_count"] == 0
    })
    .await;
}
