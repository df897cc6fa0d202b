use contracts::realtime::v1::{DisconnectRequest, disconnect_request::Whose};
use serde_json::json;
use testkit::Heard;
use tonic::Code;

use crate::rig::{Rig, parcel};

#[tokio::test]
async fn sockets_are_sent_away_on_every_node() {
    let rig = Rig::start().await;
    let (one, two) = (rig.node().await, rig.node().await);
    let ana = rig.stack.user("ana").await;
    let elsewhere = ana.log_in_again().await;
    let bo = rig.stack.user("bo").await;
    let mut sockets = [
        one.connect(&ana).await,
        two.connect(&ana).await,
        two.connect(&elsewhere).await,
    ];
    let mut bystander = two.connect(&bo).await;

    let session = rig.session_of(&ana);
    let request = DisconnectRequest {
        whose: Some(Whose::SessionId(session.to_string())),
        reason: String::new(),
    };
    one.client.clone().disconnect(request).await.unwrap();
    for socket in &mut sockets[..2] {
        assert_eq!(
            socket.expect("session:revoked").await["code"],
            "session_revoked"
        );
        assert_eq!(socket.next().await, Heard::Disconnected);
    }
    let request = DisconnectRequest {
        whose: Some(Whose::UserId(ana.id.clone())),
        reason: "account_suspended".to_owned(),
    };
    one.client.clone().disconnect(request).await.unwrap();
    let last = &mut sockets[2];
    assert_eq!(
        last.expect("session:revoked").await["code"],
        "account_suspended"
    );
    assert_eq!(last.next().await, Heard::Disconnected);

    two.deliver(parcel(&[&bo], "still", &json!(1)))
        .await
        .unwrap();
    bystander.expect("still").await;
}

#[tokio::test]
async fn whose_sockets_must_be_said() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    for whose in [
        None,
        Some(Whose::UserId("ana".to_owned())),
        Some(Whose::SessionId(String::new())),
    ] {
        let request = DisconnectRequest {
            whose,
            reason: String::new(),
        };
        let refused = node.client.clone().disconnect(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}
