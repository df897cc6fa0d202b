use contracts::realtime::v1::DeliverRequest;
use serde_json::{Value, json};
use testkit::Heard;
use tonic::Code;

use crate::rig::{Rig, parcel};

/// What makes a delivery another one.
type Change = fn(&mut DeliverRequest);

#[tokio::test]
async fn an_event_reaches_every_socket_of_its_users_on_every_node() {
    let rig = Rig::start().await;
    let (one, two) = (rig.node().await, rig.node().await);
    let stack = &rig.stack;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let mut sockets = [
        one.connect(&ana).await,
        two.connect(&ana).await,
        two.connect(&bo).await,
    ];
    let mut bystander = one.connect(&cy).await;
    for n in 0..50 {
        // Delivered now here, now there: the log has one order for all.
        let node = if n % 2 == 0 { &one } else { &two };
        let payload = json!({ "n": n, "text": "ümläut\u{2028}" });
        let mut online = node
            .deliver(parcel(&[&ana, &bo], "x:new", &payload))
            .await
            .unwrap();
        online.sort();
        let mut expected = [ana.id.clone(), bo.id.clone()];
        expected.sort();
        assert_eq!(online, expected);
    }
    for socket in &mut sockets {
        for n in 0..50 {
            assert_eq!(socket.expect("x:new").await["n"], n);
        }
    }
    one.deliver(parcel(&[&cy], "last", &json!(0)))
        .await
        .unwrap();
    bystander.expect("last").await;
}

#[tokio::test]
async fn the_socket_that_caused_an_event_does_not_get_it() {
    let rig = Rig::start().await;
    let (one, two) = (rig.node().await, rig.node().await);
    let ana = rig.stack.user("ana").await;
    let mut sockets = [
        one.connect(&ana).await,
        one.connect(&ana).await,
        two.connect(&ana).await,
    ];
    for is_volatile in [false, true] {
        let mut delivery = parcel(&[&ana], "x:new", &json!("others"));
        delivery.except_socket_id = sockets[1].id.clone();
        delivery.is_volatile = is_volatile;
        two.deliver(delivery).await.unwrap();
        two.deliver(parcel(&[&ana], "all", &json!(1)))
            .await
            .unwrap();
        for (index, socket) in sockets.iter_mut().enumerate() {
            if index != 1 {
                assert_eq!(socket.expect("x:new").await, "others");
            }
            socket.expect("all").await;
        }
    }
}

#[tokio::test]
async fn a_delivery_that_is_repeated_changes_nothing() {
    let rig = Rig::start().await;
    let (one, two) = (rig.node().await, rig.node().await);
    let ana = rig.stack.user("ana").await;
    let mut socket = one.connect(&ana).await;
    let delivery = parcel(&[&ana], "x:new", &json!(1));
    for node in [&one, &two, &one] {
        let online = node.deliver(delivery.clone()).await.unwrap();
        assert_eq!(online, [ana.id.as_str()]);
    }
    two.deliver(parcel(&[&ana, &ana], "last", &json!(2)))
        .await
        .unwrap();
    assert_eq!(socket.expect("x:new").await, 1);
    assert_eq!(socket.expect("last").await, 2);
    one.deliver(parcel(&[&ana], "end", &json!(3)))
        .await
        .unwrap();
    assert_eq!(socket.expect("end").await, 3);
}

#[tokio::test]
async fn what_is_volatile_is_not_kept_for_those_who_are_away() {
    let rig = Rig::start().await;
    let (one, two) = (rig.node().await, rig.node().await);
    let ana = rig.stack.user("ana").await;
    let mut socket = one.connect(&ana).await;
    let mut passing = parcel(&[&ana], "typing", &json!(1));
    passing.is_volatile = true;
    two.deliver(passing.clone()).await.unwrap();
    assert_eq!(socket.expect("typing").await, 1);
    two.deliver(parcel(&[&ana], "x:new", &json!(2)))
        .await
        .unwrap();
    assert_eq!(socket.expect("x:new").await, 2);

    socket.cut().await;
    assert_eq!(socket.end().await, Heard::Closed);
    two.deliver(passing).await.unwrap();
    two.deliver(parcel(&[&ana], "x:new", &json!(3)))
        .await
        .unwrap();
    let mut back = two.return_as(&socket, &ana).await;
    assert!(back.recovered);
    assert_eq!(back.id, socket.id);
    assert_eq!(back.expect("x:new").await, 3);
}

#[tokio::test]
async fn nobody_is_online_who_has_no_socket() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let (ana, bo) = (rig.stack.user("ana").await, rig.stack.user("bo").await);
    let _socket = node.connect(&bo).await;
    let online = node.deliver(parcel(&[&ana, &bo], "x:new", &json!(1))).await;
    assert_eq!(online.unwrap(), [bo.id.as_str()]);
    assert_eq!(
        node.deliver(parcel(&[], "x:new", &json!(1))).await.unwrap(),
        [""; 0]
    );
}

#[tokio::test]
async fn a_thousand_users_are_one_call() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let mut socket = node.connect(&ana).await;
    let crowd = (0..999).map(|_| domain::UserId::generate().to_string());
    let mut delivery = parcel(&[&ana], "x:new", &json!(1));
    delivery.user_ids.extend(crowd);
    assert_eq!(
        node.deliver(delivery.clone()).await.unwrap(),
        [ana.id.as_str()]
    );
    assert_eq!(socket.expect("x:new").await, 1);
    delivery
        .user_ids
        .push(domain::UserId::generate().to_string());
    let refused = node.deliver(delivery).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_delivery_that_breaks_a_rule_is_refused() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let changes: [Change; 8] = [
        |it| it.event.clear(),
        |it| it.event = "x".repeat(101),
        |it| it.payload.clear(),
        |it| it.payload = "{".to_owned(),
        |it| it.payload = Value::from("x".repeat(256 * 1024)).to_string(),
        |it| it.delivery_id.clear(),
        |it| it.except_socket_id = "nobody".to_owned(),
        |it| it.user_ids.push("ana".to_owned()),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut delivery = parcel(&[&ana], "x:new", &json!(1));
        change(&mut delivery);
        let refused = node.deliver(delivery).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{index}: {refused}");
    }
}
