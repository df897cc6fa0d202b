use serde_json::json;
use testkit::Stack;

use crate::rig::Rig;

#[tokio::test]
async fn an_event_that_nobody_knows_is_answered() {
    let rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let mut socket = node.connect(&ana).await;
    let answer = socket.ask("dance", &json!({})).await;
    assert_eq!(answer["ok"], false);
    assert_eq!(answer["error"]["code"], "unknown_event");
}

#[tokio::test]
async fn whoever_sends_too_many_events_is_told_so_and_stays() {
    let few = Stack::builder().setting("event-burst", "5");
    let rig = Rig::of(few.setting("event-rate", "1")).await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let mut socket = node.connect(&ana).await;
    let mut codes = Vec::new();
    for _ in 0..6 {
        let answer = socket.ask("dance", &json!({})).await;
        codes.push(answer["error"]["code"].as_str().unwrap().to_owned());
    }
    assert_eq!(codes[..5], ["unknown_event"; 5]);
    assert_eq!(codes[5], "rate_limited");
}
