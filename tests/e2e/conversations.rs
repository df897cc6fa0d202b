//! People comment, reply, take back, like and save while those who write it
//! down are killed again and again, and in the end everything is there once
//! and every counter equals what it counts.

mod people;
mod rig;
mod truth;

use people::Crowd;
use rig::Rig;

/// Things that people do between two kills.
const BREATHER: u64 = 60;
const KILLS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_said_is_lost_or_counted_twice_whoever_dies() {
    let mut rig = Rig::start().await;
    let mut crowd = Crowd::gather(&rig).await;
    for n in 0..KILLS {
        crowd.more(BREATHER).await;
        let victim = &mut rig.victims[n % 4];
        victim.process.kill();
        victim.restart().await;
    }
    crowd.more(BREATHER).await;
    let told = crowd.disperse().await;
    truth::settled(&rig, &told).await;
    let (status, output) = rig.verify_counters().await;
    assert_eq!(status, Some(0), "{output}");
}
