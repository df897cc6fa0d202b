//! What a killed service had locked.

use std::time::Duration;

use serde_json::json;
use testkit::{Method, Moment, eventually};

use super::rig::{Point, Rig};

const SOON: Duration = Duration::from_secs(15);
/// By itself, MongoDB ends the transactions of the dead after a minute; ours
/// is told to do it after two seconds.
const WELL_WITHIN_A_MINUTE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn whoever_comes_next_does_not_wait_for_the_dead() {
    let mut rig = Rig::start().await;
    let (ana, bo) = tokio::join!(rig.user("ana"), rig.user("bo"));
    // In the middle of counting, both accounts are locked.
    let point = Point::of_mongodb(Moment::After, "update users", 1);
    let mut hold = rig.victims[0].hold(&point);
    ana.follow(&bo).await;
    hold.reached(SOON).await;
    rig.kill(0, vec![hold]).await;

    let change = json!({ "bio": "still there" });
    eventually(WELL_WITHIN_A_MINUTE, async || {
        let request = bo.request(Method::PATCH, "/api/users/me").json(&change);
        let answer = bo.try_send(request).await;
        answer.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    rig.settled("in the end").await;
}
