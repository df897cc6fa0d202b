use serde_json::json;
use testkit::{Heard, eventually};

use crate::rig::{Rig, SOON, parcel};

#[tokio::test]
async fn clients_of_a_node_that_drains_come_back_elsewhere_and_miss_nothing() {
    let rig = Rig::start().await;
    let (mut one, two) = (rig.node().await, rig.node().await);
    let people = [(); 3];
    let mut sockets = Vec::new();
    for () in people {
        let user = rig.stack.user("ana").await;
        let mut socket = one.connect(&user).await;
        two.deliver(parcel(&[&user], "before", &json!(0)))
            .await
            .unwrap();
        socket.expect("before").await;
        sockets.push((user, socket));
    }
    one.service.process.terminate();
    for (user, socket) in &mut sockets {
        // No goodbye: clients that are told goodbye stay away.
        assert_eq!(socket.end().await, Heard::Closed);
        for n in 0..20 {
            two.deliver(parcel(&[user], "meanwhile", &json!(n)))
                .await
                .unwrap();
        }
        let mut back = two.return_as(socket, user).await;
        assert!(back.recovered);
        assert_eq!(back.id, socket.id);
        for n in 0..20 {
            assert_eq!(back.expect("meanwhile").await, n);
        }
        two.deliver(parcel(&[user], "after", &json!(1)))
            .await
            .unwrap();
        back.expect("after").await;
    }
    let status = one.service.process.wait_exit(SOON).await;
    assert!(status.success(), "{status:?}");
    // It has gone in order: nobody has to wait for a lease.
    for (user, _) in &sockets {
        eventually(SOON, async || !two.sees_online(user).await).await;
    }
}

#[tokio::test]
async fn a_node_that_drains_is_not_ready() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    assert_eq!(node.service.client().get("/readyz").await.status, 200);
    assert_eq!(node.service.client().get("/nowhere").await.status, 404);
    assert_eq!(node.service.operator().get("/readyz").await.status, 200);
}
