//! Thousands of people like, take back and change their minds while everything
//! that carries their likes is killed, frozen, stopped and emptied, and in the
//! end MongoDB says of each of them what they were told last.
#![allow(
    clippy::print_stderr,
    reason = "whoever reads a failure needs the seed and the figures"
)]

mod faults;
mod people;
mod rig;
mod sightings;
mod truth;

use people::Crowd;
use rig::Rig;
use sightings::Sightings;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn likes_are_counted_exactly_once_whatever_dies() {
    let seed = seed();
    eprintln!("SEED={seed} lets the same people want the same again");
    let mut rig = Rig::start().await;
    let sightings = Sightings::watch(rig.operators());
    let mut crowd = Crowd::gather(&rig, seed).await;
    faults::run(&mut rig, &mut crowd).await;
    let acknowledged = crowd.disperse().await;
    truth::settled(&rig, &acknowledged).await;
    let sighted = sightings.end().await;
    eprintln!("{acknowledged}, {sighted}");
    assert!(
        sighted.is_everything(),
        "this run proves nothing: {sighted}"
    );
}

fn seed() -> u64 {
    let given = std::env::var("SEED").ok();
    given.map_or_else(rand::random, |seed| seed.parse().expect("SEED is a number"))
}
