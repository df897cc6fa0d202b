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
use mongodb::bson::{Document, doc};
use testkit::{Method, eventually};
use tokio::{task::JoinSet, time::sleep};

use super::rig::Rig;

const FANS: usize = 300;
/// So many have been told that they follow when auth is killed.
const KILLS: [usize; 3] = [60, 140, 220];
const SOON: Duration = Duration::from_mins(1);
/// Between two attempts of a client that was not answered, as `Retry-After` asks.
const PAUSE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_celebrity_loses_no_follower_while_auth_is_killed() {
    let mut rig = Rig::start().await;
    let celebrity = rig.user("star").await;
    let fans = rig.crowd(&rig.user("fan").await, FANS).await;
    let path = format!("/api/users/{}/follow", celebrity.id);

    let acknowledged = Arc::<AtomicUsize>::default();
    let mut following = JoinSet::new();
    for fan in &fans {
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
    for fan in &fans {
        assert!(told.contains(&fan.id), "nobody was told of {}", fan.id);
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
