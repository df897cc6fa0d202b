use contracts::{
    realtime::v1::{DeliverRequest, delivery_service_client::DeliveryServiceClient},
    rpc::Caller,
};
use serde_json::json;
use testkit::{Process, Stack, eventually};
use tonic::Code;

use crate::rig::{Rig, SOON, parcel};

#[tokio::test]
async fn the_internal_api_needs_the_service_credential() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let address = format!("http://{}", node.service.grpc);
    let wrong = "x".repeat(32).into();
    let channel = Caller::channel(&address, &wrong, SOON).unwrap();
    let mut stranger = DeliveryServiceClient::new(channel);
    let refused = stranger.deliver(DeliverRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn operators_see_sockets_and_what_became_of_deliveries() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let mut socket = node.connect(&ana).await;
    node.deliver(parcel(&[&ana], "x:new", &json!(1)))
        .await
        .unwrap();
    socket.expect("x:new").await;
    let has = async |line: &str| {
        let answer = node.service.operator().get("/metrics").await;
        answer.text().lines().any(|it| it == line)
    };
    eventually(SOON, async || has("realtime_sockets 1").await).await;
    assert!(has(r#"realtime_connects_total{outcome="new"} 1"#).await);
    assert!(has(r#"realtime_deliveries_total{outcome="logged"} 1"#).await);
    socket.cut().await;
    eventually(SOON, async || has("realtime_sockets 0").await).await;
    assert!(has(r#"realtime_closes_total{reason="transport close"} 1"#).await);
}

#[tokio::test]
async fn check_names_what_does_not_answer() {
    let rig = Rig::of(Stack::builder().with_outages()).await;
    let node = rig.node().await;
    let run = async || {
        let environment = node.service.environment().iter().cloned();
        let mut check = Process::service("realtime", &["check"], environment);
        let status = check.wait_exit(SOON).await;
        (status.code(), check.output().join("\n"))
    };
    assert_eq!(run().await, (Some(0), "ok".to_owned()));
    rig.stack.sandbox().redis_proxy().cut();
    let (status, said) = run().await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("redis does not answer"), "{said}");
}
