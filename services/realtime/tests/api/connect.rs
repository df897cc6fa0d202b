use std::time::Duration;

use domain::SessionId;
use runtime::{Clock, SystemClock};
use serde_json::{Value, json};
use testkit::SocketDoor;

use crate::rig::Rig;

#[tokio::test]
async fn a_token_is_taken_from_the_payload_the_header_or_the_query() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let bearer = format!("Bearer {}", ana.token);
    let nothing = json!({});
    for (door, auth) in [
        (node.door.clone(), json!({ "token": ana.token })),
        (
            node.door.clone().with_header("authorization", &bearer),
            nothing.clone(),
        ),
        (node.door.clone().with_query("token", &ana.token), nothing),
    ] {
        let socket = door.try_connect(&auth).await.unwrap();
        assert!(!socket.recovered);
    }
}

#[tokio::test]
async fn whoever_is_refused_is_told_why_in_a_word() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let signer = rig.stack.signer();
    let issue = |lifetime| {
        let session = SessionId::generate();
        let user = ana.id.parse().unwrap();
        let at = SystemClock.now().minus(Duration::from_mins(1));
        signer.issue(user, session, at, lifetime).unwrap().0
    };
    let expired = issue(Duration::from_secs(30));
    let unknown = issue(Duration::from_hours(1));
    let forged = format!("{}x", ana.token);
    for (auth, code) in [
        (json!({}), "missing_token"),
        (json!({ "token": "" }), "missing_token"),
        (json!({ "token": 7 }), "missing_token"),
        (json!({ "token": "nonsense" }), "token_invalid"),
        (json!({ "token": forged }), "token_invalid"),
        (json!({ "token": expired }), "token_expired"),
    ] {
        let data = refusal(&node.door, &auth).await;
        assert_eq!(data["code"], code, "{auth}: {data}");
        assert!(data["detail"].is_string());
    }
    // A session that nobody has ended is not looked for: the list has what is dead.
    assert!(
        node.door
            .try_connect(&json!({ "token": unknown }))
            .await
            .is_ok()
    );

    assert_eq!(ana.log_out().await.status, 204);
    let data = refusal(&node.door, &json!({ "token": ana.token })).await;
    assert_eq!(data["code"], "session_revoked");
}

#[tokio::test]
async fn whoever_comes_past_the_gateway_is_refused() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let door = SocketDoor::new(node.service.http);
    let liar = door.clone().with_header("x-anufy-service-credential", "x");
    for door in [door, liar] {
        let data = refusal(&door, &json!({ "token": ana.token })).await;
        assert_eq!(data["code"], "service_credential_required");
    }
}

async fn refusal(door: &SocketDoor, auth: &Value) -> Value {
    match door.try_connect(auth).await {
        Ok(_) => panic!("connected with {auth}"),
        Err(data) => data,
    }
}
