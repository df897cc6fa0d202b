//! Many follow one person while the service that counts them dies again and again.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use contracts::events::v1::{Event, event::Fact};
use domain::{SessionId, UserId};
use mongodb::bson::{Document, doc, oid::ObjectId};
use runtime::{Clock, SystemClock};
use testkit::{Client, Method, User, eventually};
use tokio::{task::JoinSet, time::sleep};

use super::rig::Rig;

const FANS: usize = 300;
/// So many have been told that they follow when auth is killed.
const KILLS: [usize; 3] = [60, 140, 220];
const HOUR: Duration = Duration::from_hours(1);
const SOON: Duration = Duration::from_mins(1);
/// Between two attempts of a client that was not answered, as `Retry-After` asks.
const PAUSE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_celebrity_loses_no_follower_while_auth_is_killed() {
    let mut rig = Rig::start().await;
    let celebrity = rig.user("star").await;
    let fans = fans(&rig, &rig.user("fan").await).await;
    let path = format!("/api/users/{}/follow", celebrity.id);

    let acknowledged = Arc::<AtomicUsize>::default();
    let mut following = JoinSet::new();
    for (_, fan) in &fans {
        let (fan, path, acknowledged) = (fan.clone(), path.clone(), Arc::clone(&acknowledged));
        following.spawn(async move {
            let follow = async || fan.try_send(fan.request(Method::POST, &path)).await;
            while !follow().await.is_ok_and(|answer| answer.status == 200) {
                sleep(PAUSE).await;
            }
            acknowledged.fetch_add(1, Ordering::SeqCst);
        });
    }
    for kill in KILLS {
        eventually(SOON, async || acknowledged.load(Ordering::SeqCst) >= kill).await;
        let auth = &mut rig.victims[0].service;
        auth.process.kill();
        auth.restart().await;
    }
    while let Some(ended) = following.join_next().await {
        ended.unwrap();
    }

    rig.settled("in the end").await;
    let edges = rig.mongodb().collection::<Document>("follows");
    assert_eq!(edges.count_documents(doc! {}).await.unwrap(), FANS as u64);
    assert_eq!(celebrity.me().await["followers_count"], FANS);
    let told = followers_in(&rig.published("users.follow_changed"));
    for (id, _) in &fans {
        assert!(told.contains(&id.to_string()), "nobody was told of {id}");
    }
}

fn followers_in(events: &[Vec<u8>]) -> HashSet<String> {
    let facts = events
        .iter()
        .filter_map(|it| Event::from_bytes(it).unwrap().fact);
    let followers = facts.filter_map(|fact| match fact {
        Fact::FollowChanged(change) => Some(change.follower_id),
        _ => None,
    });
    followers.collect()
}

/// People like `model`, logged in. They are not registered one by one, since a
/// password takes its time.
async fn fans(rig: &Rig, model: &User) -> Vec<(UserId, Client)> {
    let find = async |name: &str, filter: Document| {
        let documents = rig.mongodb().collection::<Document>(name);
        documents.find_one(filter).await.unwrap().unwrap()
    };
    let model_id = ObjectId::parse_str(&model.id).unwrap();
    let account = find("users", doc! { "_id": model_id }).await;
    let session = find("sessions", doc! { "user_id": model_id }).await;
    let signer = rig.signer();
    let (mut fans, mut accounts, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..FANS {
        let (user_id, session_id) = (UserId::generate(), SessionId::generate());
        let (mut account, mut session) = (account.clone(), session.clone());
        account.insert("_id", user_id);
        for field in ["username", "username_lower"] {
            account.insert(field, format!("fan_{n}"));
        }
        for field in ["email", "email_lower"] {
            account.insert(field, format!("fan_{n}@example.org"));
        }
        session.insert("_id", session_id);
        session.insert("user_id", user_id);
        accounts.push(account);
        sessions.push(session);
        let token = signer.issue(user_id, session_id, SystemClock.now(), HOUR);
        let client = rig.door().with_token(&token.unwrap().0);
        fans.push((user_id, client));
    }
    for (name, documents) in [("users", accounts), ("sessions", sessions)] {
        let collection = rig.mongodb().collection(name);
        collection.insert_many(documents).await.unwrap();
    }
    fans
}
