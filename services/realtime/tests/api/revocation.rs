use std::time::{Duration, Instant};

use runtime::{Clock, SystemClock};
use serde_json::json;
use testkit::{Heard, Stack, eventually};

use crate::rig::{Rig, SOON, parcel};

#[tokio::test]
async fn a_logout_closes_the_sockets_of_the_login_on_every_node_within_a_second() {
    let rig = Rig::start().await;
    let (one, two) = (rig.node().await, rig.node().await);
    let ana = rig.stack.user("ana").await;
    let elsewhere = ana.log_in_again().await;
    let mut sockets = [one.connect(&ana).await, two.connect(&ana).await];
    let mut other = one.connect(&elsewhere).await;

    let started = Instant::now();
    assert_eq!(ana.log_out().await.status, 204);
    for socket in &mut sockets {
        assert_eq!(
            socket.expect("session:revoked").await["code"],
            "session_revoked"
        );
        assert_eq!(socket.next().await, Heard::Disconnected);
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    let refused = one.door.try_connect(&json!({ "token": ana.token })).await;
    assert_eq!(refused.err().unwrap()["code"], "session_revoked");

    one.deliver(parcel(&[&ana], "x:new", &json!(1)))
        .await
        .unwrap();
    assert_eq!(other.expect("x:new").await, 1);
}

#[tokio::test]
async fn whoever_came_back_with_a_new_login_outlives_the_former_one() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let again = ana.log_in_again().await;
    let mut witness = node.connect(&ana).await;
    let before = node.connect(&ana).await;
    let mut socket = node.return_as(&before, &again).await;
    assert!(socket.recovered);

    assert_eq!(ana.log_out().await.status, 204);
    witness.expect("session:revoked").await;
    assert_eq!(witness.next().await, Heard::Disconnected);
    node.deliver(parcel(&[&ana], "x:new", &json!(1)))
        .await
        .unwrap();
    assert_eq!(socket.expect("x:new").await, 1);
}

#[tokio::test]
async fn a_logout_that_a_node_did_not_hear_of_is_found_when_it_hears_again() {
    let rig = Rig::of(Stack::builder().with_outages()).await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let mut socket = node.connect(&ana).await;
    rig.stack.sandbox().redis_proxy().cut();
    // The proxy is before auth as well: MongoDB has it, and Redis gets it from the next pass.
    assert_eq!(ana.log_out().await.status, 204);
    rig.stack.sandbox().redis_proxy().restore();
    assert_eq!(
        socket.expect("session:revoked").await["code"],
        "session_revoked"
    );
    assert_eq!(socket.next().await, Heard::Disconnected);
}

#[tokio::test]
async fn a_socket_outlives_its_token_by_the_time_between_two_looks() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let session = rig.session_of(&ana);
    let life = Duration::from_secs(2);
    let user = ana.id.parse().unwrap();
    let issued = rig
        .stack
        .signer()
        .issue(user, session, SystemClock.now(), life);
    let mut socket = node.door.connect(&issued.unwrap().0).await;
    let heard = socket.next_within(Duration::from_secs(40)).await;
    let Some(Heard::Event(name, args)) = heard else {
        panic!("heard was {heard:?}");
    };
    assert_eq!(
        (&*name, &args[0]["code"]),
        ("session:revoked", &json!("token_expired"))
    );
    assert_eq!(socket.next_within(SOON).await, Some(Heard::Disconnected));
}

#[tokio::test]
async fn while_the_list_stands_still_auth_is_asked() {
    let rig = Rig::of(Stack::builder().with_outages()).await;
    let node = rig.node_past_outages().await;
    let ana = rig.stack.user("ana").await;
    let mut socket = node.connect(&ana).await;
    // auth does not reach Redis any more, and so nobody is told.
    rig.stack.sandbox().redis_proxy().cut();
    assert_eq!(ana.log_out().await.status, 204);
    eventually(SOON, async || !rig.is_list_current().await).await;
    let refused = node.door.try_connect(&json!({ "token": ana.token })).await;
    assert_eq!(refused.err().unwrap()["code"], "session_revoked");
    let heard = socket.next_within(Duration::from_secs(40)).await;
    let Some(Heard::Event(name, args)) = heard else {
        panic!("heard was {heard:?}");
    };
    let told = (&*name, &args[0]["code"]);
    assert_eq!(told, ("session:revoked", &json!("session_revoked")));
}
