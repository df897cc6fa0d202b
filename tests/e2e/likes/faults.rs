//! What happens to a deployment, one thing after the other and some at once,
//! while people go on. When it happens is decided by what they have been
//! answered, not by a clock.

use std::time::Duration;

use testkit::Moment;
use tokio::select;

use super::{people::Crowd, rig::Rig};

/// Wishes that are fulfilled between two faults.
const BREATHER: u64 = 300;
/// Batches come all the time.
const ARRIVAL: Duration = Duration::from_secs(20);
/// Where a posts dies inside a transaction: with likes written, before the
/// commit, and when it does not know that it has committed.
const INSIDE: [(Moment, &str); 3] = [
    (Moment::After, "insert likes"),
    (Moment::Before, "commitTransaction"),
    (Moment::After, "commitTransaction"),
];

/// Lets everything happen, and leaves everything up.
pub(super) async fn run(rig: &mut Rig, crowd: &mut Crowd) {
    rig.partitions_are_held(None).await;
    crowd.tell("workers are killed");
    workers_are_killed(rig, crowd).await;
    crowd.tell("posts are killed inside transactions");
    posts_are_killed_inside_transactions(rig, crowd).await;
    crowd.tell("a worker is frozen across a lease change");
    a_worker_is_frozen_across_a_lease_change(rig, crowd).await;
    crowd.tell("mongodb is killed inside a transaction, and a worker");
    mongodb_is_killed(rig, crowd).await;
    crowd.tell("rabbitmq is stopped, and a worker killed");
    rabbitmq_is_stopped(rig, crowd).await;
    crowd.tell("rabbitmq is killed under a frozen worker");
    rabbitmq_is_killed_under_a_frozen_worker(rig, crowd).await;
    crowd.tell("redis is stopped, a worker killed, redis flushed");
    redis_is_stopped_and_flushed(rig, crowd).await;
    rig.partitions_are_held(None).await;
    crowd.tell("everything is up");
}

async fn workers_are_killed(rig: &mut Rig, crowd: &mut Crowd) {
    for round in 0..6 {
        crowd.more(BREATHER).await;
        let worker = &mut rig.workers[round % 3];
        worker.process.kill();
        worker.restart().await;
    }
}

async fn posts_are_killed_inside_transactions(rig: &mut Rig, crowd: &mut Crowd) {
    for (moment, step) in INSIDE {
        crowd.more(BREATHER).await;
        let mut holds = rig.hold(moment, step);
        let [one, two] = &mut holds;
        let reached = select! {
            () = one.reached(ARRIVAL) => 0,
            () = two.reached(ARRIVAL) => 1,
        };
        let posts = &mut rig.posts[reached].service;
        posts.process.kill();
        drop(holds);
        posts.restart().await;
    }
}

async fn a_worker_is_frozen_across_a_lease_change(rig: &mut Rig, crowd: &mut Crowd) {
    crowd.more(BREATHER).await;
    rig.workers[0].process.freeze();
    rig.partitions_are_held(Some(0)).await;
    crowd.more(BREATHER).await;
    rig.workers[0].process.thaw();
    crowd.more(BREATHER).await;
}

/// In the middle of a transaction; a worker goes with it.
async fn mongodb_is_killed(rig: &mut Rig, crowd: &mut Crowd) {
    let mut holds = rig.hold(Moment::After, "insert likes");
    let [one, two] = &mut holds;
    select! {
        () = one.reached(ARRIVAL) => {}
        () = two.reached(ARRIVAL) => {}
    }
    rig.servers.mongodb().kill().await;
    drop(holds);
    rig.workers[1].process.kill();
    // Likes of what people have just seen are taken meanwhile.
    crowd.more(1).await;
    rig.servers.mongodb().start().await;
    rig.workers[1].restart().await;
    crowd.more(BREATHER).await;
}

async fn rabbitmq_is_stopped(rig: &mut Rig, crowd: &mut Crowd) {
    rig.servers.rabbitmq().stop().await;
    rig.workers[2].process.kill();
    rig.servers.rabbitmq().start().await;
    rig.workers[2].restart().await;
    crowd.more(BREATHER).await;
}

async fn rabbitmq_is_killed_under_a_frozen_worker(rig: &mut Rig, crowd: &mut Crowd) {
    rig.workers[1].process.freeze();
    rig.servers.rabbitmq().kill().await;
    rig.servers.rabbitmq().start().await;
    rig.partitions_are_held(Some(1)).await;
    rig.workers[1].process.thaw();
    crowd.more(BREATHER).await;
}

/// A worker that dies meanwhile leaves its partitions to others without a lease.
async fn redis_is_stopped_and_flushed(rig: &mut Rig, crowd: &mut Crowd) {
    crowd.expect_no_memory();
    rig.servers.redis().stop().await;
    rig.workers[0].process.kill();
    crowd.more(BREATHER).await;
    rig.servers.redis().start().await;
    rig.workers[0].restart().await;
    crowd.more(BREATHER).await;
    rig.flush_redis().await;
    crowd.more(BREATHER).await;
}
