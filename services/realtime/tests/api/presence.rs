use serde_json::json;
use testkit::{Heard, eventually, eventually_some};

use crate::rig::{QUESTION, Rig, SOON, parcel};

#[tokio::test]
async fn somebody_is_online_as_long_as_there_is_a_socket_on_any_node() {
    let rig = Rig::start().await;
    let (one, two) = (rig.node().await, rig.node().await);
    let ana = rig.stack.user("ana").await;
    assert!(!two.sees_online(&ana).await);
    let (first, second) = (one.connect(&ana).await, two.connect(&ana).await);
    let third = two.connect(&ana).await;
    assert!(one.sees_online(&ana).await);
    first.cut().await;
    second.cut().await;
    eventually(SOON, async || nodes_of(&rig, &ana.id).await == 1).await;
    assert!(one.sees_online(&ana).await && two.sees_online(&ana).await);
    third.cut().await;
    eventually(SOON, async || !one.sees_online(&ana).await).await;
    assert_eq!(nodes_of(&rig, &ana.id).await, 0);
}

#[tokio::test]
async fn coming_and_going_in_a_hurry_leaves_nobody_behind() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    for _ in 0..5 {
        for _ in 0..10 {
            node.connect(&ana).await.cut().await;
        }
        let stays = node.connect(&ana).await;
        // Long enough for the ends of the others to be noticed.
        let is_alone = async || node.metric("realtime_sockets").await == 1;
        eventually(SOON, is_alone).await;
        assert!(node.sees_online(&ana).await);
        stays.cut().await;
        eventually(SOON, async || nodes_of(&rig, &ana.id).await == 0).await;
    }
}

#[tokio::test]
async fn whoever_was_on_a_node_that_is_killed_is_offline_when_its_lease_is_over() {
    let rig = Rig::start().await;
    let (one, two) = (rig.node().await, rig.node().await);
    let (ana, bo) = (rig.stack.user("ana").await, rig.stack.user("bo").await);
    let mut socket = one.connect(&ana).await;
    let _other = two.connect(&bo).await;
    one.service.process.kill();
    assert_eq!(socket.end().await, Heard::Closed);
    eventually(SOON, async || !two.sees_online(&ana).await).await;
    assert!(two.sees_online(&bo).await);
    // Whoever looks tidies up.
    assert_eq!(nodes_of(&rig, &ana.id).await, 0);

    // What was delivered in between is there for those who come back elsewhere, and whether it
    // is complete was not saved by a node that had no time: so they are told that it may not be.
    let back = two.return_as(&socket, &ana).await;
    assert!(!back.recovered);
    assert!(two.sees_online(&ana).await);
}

#[tokio::test]
async fn a_node_that_was_frozen_says_again_who_is_there() {
    let rig = Rig::start().await;
    let (one, two) = (rig.node().await, rig.node().await);
    let ana = rig.stack.user("ana").await;
    let mut socket = one.connect(&ana).await;
    one.service.process.freeze();
    eventually(SOON, async || !two.sees_online(&ana).await).await;
    assert_eq!(nodes_of(&rig, &ana.id).await, 0);
    // Nobody is woken, and it is in the log all the same.
    two.deliver(parcel(&[&ana], "x:new", &json!(1)))
        .await
        .unwrap();
    one.service.process.thaw();
    // The questions who is online may have reached it, too.
    let heard = async || Some(socket.next().await).filter(|it| !is_question(it));
    let heard = eventually_some(SOON, heard).await;
    assert_eq!(heard, Heard::Event("x:new".to_owned(), vec![json!(1)]));
    eventually(SOON, async || two.sees_online(&ana).await).await;
}

fn is_question(heard: &Heard) -> bool {
    matches!(heard, Heard::Event(name, _) if name == QUESTION)
}

async fn nodes_of(rig: &Rig, user_id: &str) -> usize {
    let key = cache::keys::presence(user_id.parse().unwrap());
    cache::redis::cmd("SCARD")
        .arg(key)
        .query_async(&mut rig.stack.redis())
        .await
        .unwrap()
}
