use std::sync::Arc;

use bson::{Bson, Document, doc, oid::ObjectId};
use clap::Parser;
use contracts::{
    auth::v1::{
        FollowCountMismatch, ListPostsCountsRequest, VerifyFollowCountsRequest,
        VerifyFollowCountsResponse, counters_service_client::CountersServiceClient,
    },
    rpc::CallerChannel,
};
use domain::UserId;
use futures_util::future::join_all;
use runtime::{Shutdown, SystemClock};
use secrecy::ExposeSecret;
use testkit::{Client, Method, Stack, User};
use tonic::Code;

use crate::{auth, channel, counted, crowd, documents, stored_counts, user};

/// A page that has everybody.
const EVERYBODY: u32 = 1_000;

fn counters(stack: &Stack) -> CountersServiceClient<CallerChannel> {
    CountersServiceClient::new(channel(stack))
}

async fn verify(stack: &Stack, repair: bool) -> VerifyFollowCountsResponse {
    let request = VerifyFollowCountsRequest {
        after_user_id: String::new(),
        limit: EVERYBODY,
        repair,
    };
    let answer = counters(stack).verify_follow_counts(request).await;
    answer.unwrap().into_inner()
}

/// Has everybody do the same at once. A service that has too much to do says
/// so, and is asked again; what it had done by then must not count twice.
async fn all(clients: &[Client], method: Method, owner: &User) {
    let path = format!("/api/users/{}/follow", owner.id);
    let act = async |client: &Client| {
        loop {
            let request = client.request(method.clone(), &path);
            let answer = client.send(request).await;
            if answer.status != 503 {
                return answer.expect(200);
            }
        }
    };
    join_all(clients.iter().map(act)).await;
}

#[tokio::test]
async fn many_follow_one_account_at_once_and_its_count_is_right_at_every_moment() {
    let stack = auth().await;
    let owner = user(&stack, "owner").await;
    let fans = crowd(&stack, 200).await;
    let clients: Vec<Client> = fans.iter().map(|fan| fan.client.clone()).collect();
    let act = async {
        all(&clients, Method::POST, &owner).await;
        all(&clients[..100], Method::DELETE, &owner).await;
    };
    let mut looks = 0;
    let watch = async {
        loop {
            assert_eq!(verify(&stack, false).await.mismatches, []);
            looks += 1;
        }
    };
    tokio::select! {
        () = act => {}
        () = watch => {}
    }
    assert!(looks > 3, "{looks}");
    assert_eq!(owner.me().await["followers_count"], 100);
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &owner.id).await, (100, 0));
    for (at, fan) in fans.iter().enumerate() {
        let expected = i64::from(at >= 100);
        assert_eq!(stored_counts(&stack, &fan.id).await, (0, expected));
    }
    assert_eq!(documents(&stack, "follows", doc! {}).await.len(), 100);
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: auth::Settings,
}

/// A second replica of auth beside that of the stack: a way to it, and its end.
async fn replica(stack: &Stack) -> (Client, Shutdown) {
    let sandbox = stack.sandbox();
    let flags = [
        ("http-addr", "127.0.0.1:0".to_owned()),
        ("grpc-addr", "127.0.0.1:0".to_owned()),
        ("admin-addr", "127.0.0.1:0".to_owned()),
        ("drain-delay", "0s".to_owned()),
        ("mongodb-uri", sandbox.mongodb_uri()),
        (
            "mongodb-command-log",
            sandbox.command_log().display().to_string(),
        ),
        ("mongodb-database", sandbox.mongodb_database().to_owned()),
        ("redis-url", sandbox.redis_url()),
        ("amqp-url", sandbox.amqp_url().await),
        (
            "service-credential",
            stack.credential().expose_secret().to_owned(),
        ),
        (
            "token-signing-key",
            stack.signing_key().expose_secret().to_owned(),
        ),
        ("posts-grpc-url", stack.posts_grpc_url()),
        ("mail-url", stack.mail().url()),
        ("mail-from", "noreply@anufy.example".to_owned()),
        ("app-url", "https://anufy.example".to_owned()),
    ];
    let words = flags.map(|(name, value)| format!("--{name}={value}"));
    let words = std::iter::once("auth".to_owned()).chain(words);
    let settings = Flags::parse_from(words).settings;
    let shutdown = Shutdown::new();
    let metrics = Arc::new(String::new);
    let app = auth::App::build(settings, shutdown.clone(), Arc::new(SystemClock), metrics);
    let app = app.await.unwrap();
    let door = Client::new(format!("http://{}", app.http_addr())).with_header(
        contracts::rpc::CREDENTIAL_HEADER,
        stack.credential().expose_secret(),
    );
    tokio::spawn(app.run());
    (door.with_header("x-request-id", "inside"), shutdown)
}

#[tokio::test]
async fn two_replicas_count_together_and_one_goes_on_when_the_other_ends() {
    let mut stack = auth().await;
    let owner = user(&stack, "owner").await;
    let fans = crowd(&stack, 60).await;
    let (door, shutdown) = replica(&stack).await;
    let here: Vec<Client> = fans[..30].iter().map(|fan| fan.client.clone()).collect();
    let there = fans[30..].iter();
    let there: Vec<Client> = there
        .map(|fan| door.clone().with_token(&fan.token))
        .collect();
    tokio::join!(
        all(&here, Method::POST, &owner),
        all(&there, Method::POST, &owner),
    );
    stack.stop_auth().await;
    all(&there[..20], Method::DELETE, &owner).await;
    counted(&stack).await;
    assert_eq!(stored_counts(&stack, &owner.id).await, (40, 0));
    shutdown.begin_drain();
    shutdown.finished().await;
    stack.start_auth().await;
    assert_eq!(verify(&stack, false).await.mismatches, []);
}

#[tokio::test]
async fn follows_are_counted_into_whatever_the_predecessor_left_as_a_number() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let users = stack.mongodb().collection::<Document>("users");
    let left = [
        (Bson::Double(2.0), 3),
        (Bson::Int32(2), 3),
        (Bson::Null, 1),
        (Bson::Int64(-1), 0),
    ];
    let mut expected = Vec::new();
    for (count, sum) in left {
        let id = ObjectId::new();
        let account = doc! { "_id": id, "username": id.to_hex(), "followers_count": count };
        users.insert_one(account).await.unwrap();
        let path = format!("/api/users/{id}/follow");
        ana.post_empty(&path).await.expect(200);
        expected.push((id.to_hex(), sum));
    }
    counted(&stack).await;
    for (id, sum) in expected {
        assert_eq!(stored_counts(&stack, &id).await, (sum, 0));
    }
    assert_eq!(stored_counts(&stack, &ana.id).await, (0, 4));
}

#[tokio::test]
async fn wrong_counters_are_found_and_repaired() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let cy = user(&stack, "cy").await;
    ana.follow(&bo).await;
    cy.follow(&bo).await;
    counted(&stack).await;
    let found = verify(&stack, false).await;
    assert_eq!((found.examined, found.mismatches.len()), (3, 0));

    let users = stack.mongodb().collection::<Document>("users");
    let plant = async |user: &User, fields: Document| {
        let id: UserId = user.id.parse().unwrap();
        let set = doc! { "$set": fields };
        users.update_one(doc! { "_id": id }, set).await.unwrap();
    };
    plant(&bo, doc! { "followers_count": 7 }).await;
    plant(&ana, doc! { "following_count": "many" }).await;
    plant(&cy, doc! { "following_count": null }).await;
    let mismatch = |user: &User, counter: &str, stored, counted| FollowCountMismatch {
        user_id: user.id.clone(),
        counter: counter.to_owned(),
        stored,
        counted,
    };
    let mut expected = vec![
        mismatch(&ana, "following_count", 0, 1),
        mismatch(&bo, "followers_count", 7, 2),
        mismatch(&cy, "following_count", 0, 1),
    ];
    expected.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    assert_eq!(verify(&stack, false).await.mismatches, expected);
    assert_eq!(verify(&stack, true).await.mismatches, expected);
    assert_eq!(verify(&stack, false).await.mismatches, []);
    assert_eq!(stored_counts(&stack, &ana.id).await, (0, 1));
    assert_eq!(stored_counts(&stack, &bo.id).await, (2, 0));
    assert_eq!(stored_counts(&stack, &cy.id).await, (0, 1));
}

#[tokio::test]
async fn accounts_are_gone_through_page_by_page() {
    let stack = auth().await;
    let people = crowd(&stack, 5).await;
    let users = stack.mongodb().collection::<Document>("users");
    users
        .insert_one(doc! { "_id": "no account", "username": "x" })
        .await
        .unwrap();
    let last: UserId = people[4].id.parse().unwrap();
    let counts = doc! { "$set": { "posts_count": 9.0, "posts_count_version": 4_i64 } };
    users
        .update_one(doc! { "_id": last }, counts)
        .await
        .unwrap();
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let request = ListPostsCountsRequest {
            after_user_id: after.clone(),
            limit: 2,
        };
        let page = counters(&stack)
            .list_posts_counts(request)
            .await
            .unwrap()
            .into_inner();
        seen.extend(
            page.counts
                .into_iter()
                .map(|it| (it.user_id, it.count, it.version)),
        );
        let request = VerifyFollowCountsRequest {
            after_user_id: after,
            limit: 2,
            repair: false,
        };
        let verified = counters(&stack)
            .verify_follow_counts(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(verified.last_user_id, page.last_user_id);
        if page.last_user_id.is_empty() {
            break;
        }
        after = page.last_user_id;
    }
    let mut expected: Vec<_> = people.iter().map(|it| (it.id.clone(), 0, 0)).collect();
    expected[4] = (people[4].id.clone(), 9, 4);
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_full_page_is_compared_at_once() {
    let stack = auth().await;
    let ids: Vec<ObjectId> = (0..EVERYBODY).map(|_| ObjectId::new()).collect();
    let star = ids[0];
    let people = ids.iter().map(|id| {
        let following = i64::from(*id != star);
        doc! { "_id": id, "username": id.to_hex(), "following_count": following }
    });
    stack
        .mongodb()
        .collection::<Document>("users")
        .insert_many(people)
        .await
        .unwrap();
    let fans = ids[1..].iter().map(|fan| {
        doc! { "follower_id": fan, "followee_id": star, "status": "accepted" }
    });
    stack
        .mongodb()
        .collection::<Document>("follows")
        .insert_many(fans)
        .await
        .unwrap();
    // Counted and removed, which MongoDB's indexes remember for minutes.
    let changes = stack.mongodb().collection::<Document>("follow_changes");
    let counted = ids.iter().zip(ids.iter().rev()).cycle().take(20_000);
    let counted =
        counted.map(|(fan, star)| doc! { "follower_id": fan, "followee_id": star, "delta": 0_i64 });
    changes.insert_many(counted).await.unwrap();
    changes.delete_many(doc! {}).await.unwrap();

    let answer = verify(&stack, false).await;
    assert_eq!(answer.examined, EVERYBODY);
    let wrong = &answer.mismatches[..];
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(
        (wrong[0].user_id.clone(), wrong[0].counted),
        (star.to_hex(), 999)
    );

    let request = ListPostsCountsRequest {
        after_user_id: String::new(),
        limit: EVERYBODY,
    };
    let page = counters(&stack).list_posts_counts(request).await.unwrap();
    assert_eq!(page.into_inner().counts.len(), ids.len());
}

#[tokio::test]
async fn a_page_without_bounds_or_from_nowhere_is_refused() {
    let stack = auth().await;
    for (after, limit) in [("", 0), ("", 1_001), ("ana", 10)] {
        let request = ListPostsCountsRequest {
            after_user_id: after.to_owned(),
            limit,
        };
        let refused = counters(&stack).list_posts_counts(request).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
        let request = VerifyFollowCountsRequest {
            after_user_id: after.to_owned(),
            limit,
            repair: true,
        };
        let refused = counters(&stack).verify_follow_counts(request).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
}
