//! Parts that a group shares by leases, in a real Redis that forgets.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use cache::{Assignment, Cache, RedisSettings, Shares, keys};
use clap::Parser;
use redis::AsyncCommands;
use testkit::Sandbox;

const GROUP: &str = "g";
const PARTS: [&str; 8] = ["g.0", "g.1", "g.2", "g.3", "g.4", "g.5", "g.6", "g.7"];

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    redis: RedisSettings,
}

struct Member {
    shares: Shares,
    held: Vec<&'static str>,
}

impl Member {
    fn new(sandbox: &Sandbox) -> Self {
        let url = sandbox.redis_url();
        let cache = Cache::connect(&Flags::parse_from(["x", "--redis-url", &url]).redis).unwrap();
        Self {
            shares: Shares::new(cache, GROUP, &PARTS),
            held: Vec::new(),
        }
    }

    async fn renew(&mut self) -> Assignment {
        let assignment = self.shares.renew(&self.held).await.unwrap();
        self.held = [assignment.keep.clone(), assignment.hand_over.clone()].concat();
        assignment
    }

    /// Hands over at once what it must.
    async fn comply(&mut self) -> usize {
        let Assignment { keep, hand_over } = self.renew().await;
        for part in &hand_over {
            self.shares.release(part).await.unwrap();
        }
        self.held = keep;
        hand_over.len()
    }
}

/// Lets everybody renew until nothing changes; how many parts were handed over.
async fn settle(members: &mut [Member]) -> usize {
    let mut moved = 0;
    for _ in 0..4 {
        for member in &mut *members {
            moved += member.comply().await;
        }
    }
    moved
}

/// How many parts each has, most first; each part must be somebody's alone.
fn counts(members: &[Member]) -> Vec<usize> {
    let held: Vec<_> = members.iter().flat_map(|member| &member.held).collect();
    assert_eq!(held.len(), PARTS.len(), "{held:?}");
    assert_eq!(BTreeSet::from_iter(held).len(), PARTS.len());
    let mut counts: Vec<_> = members.iter().map(|member| member.held.len()).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts
}

/// Makes the leases of all members that Redis knows now run out, as if they
/// had not been heard of for long.
async fn lapse(sandbox: &Sandbox) {
    let mut redis = sandbox.redis();
    let key = keys::lease_members(GROUP);
    let names: Vec<String> = redis.zrange(&key, 0, -1).await.unwrap();
    for name in names {
        let _: usize = redis.zadd(&key, name, 0).await.unwrap();
    }
}

/// As if a lease's life had passed since Redis forgot the group.
async fn end_forming(sandbox: &Sandbox) {
    let key = keys::lease_forming(GROUP);
    let _: usize = sandbox.redis().del(key).await.unwrap();
}

#[tokio::test]
async fn shares_differ_by_one_at_most_whoever_comes_and_goes() {
    let sandbox = Sandbox::create().await;
    let mut members = Vec::new();
    let fair: [(&[usize], usize); 9] = [
        (&[8], 0),
        (&[4, 4], 4),
        (&[3, 3, 2], 2),
        (&[2, 2, 2, 2], 2),
        (&[2, 2, 2, 1, 1], 1),
        (&[2, 2, 1, 1, 1, 1], 1),
        (&[2, 1, 1, 1, 1, 1, 1], 1),
        (&[1; 8], 1),
        (&[1, 1, 1, 1, 1, 1, 1, 1, 0], 0),
    ];
    for (wanted, moves) in fair {
        members.push(Member::new(&sandbox));
        // No more changes hands than must.
        assert_eq!(settle(&mut members).await, moves, "{wanted:?}");
        assert_eq!(counts(&members), wanted);
    }
    for (wanted, _) in fair.iter().rev().skip(1) {
        members.remove(0).shares.leave().await.unwrap();
        assert_eq!(settle(&mut members).await, 0, "{wanted:?}");
        assert_eq!(counts(&members), *wanted);
    }
}

#[tokio::test]
async fn what_is_handed_over_is_nobody_elses_until_it_is_released() {
    let sandbox = Sandbox::create().await;
    let (mut one, mut two) = (Member::new(&sandbox), Member::new(&sandbox));
    one.renew().await;
    assert_eq!(two.renew().await, Assignment::default());
    let assignment = one.renew().await;
    assert_eq!(assignment.keep, PARTS[..4]);
    assert_eq!(assignment.hand_over, PARTS[4..]);
    assert_eq!(one.renew().await, assignment, "the same until it is done");
    assert_eq!(two.renew().await, Assignment::default());

    two.shares.release(PARTS[4]).await.unwrap();
    assert_eq!(
        two.renew().await.keep,
        [""; 0],
        "only its own can be released"
    );
    one.shares.release(PARTS[4]).await.unwrap();
    assert_eq!(two.renew().await.keep, PARTS[4..5]);
    assert_eq!(one.renew().await.hand_over, PARTS[5..]);
}

#[tokio::test]
async fn parts_of_the_dead_are_free_when_their_leases_have_run_out() {
    let sandbox = Sandbox::create().await;
    let mut members = [Member::new(&sandbox), Member::new(&sandbox)];
    settle(&mut members).await;
    let [mut dead, mut alive] = members;
    lapse(&sandbox).await;
    // Whoever is heard of again has what it had.
    let had = alive.held.clone();
    assert_eq!(alive.renew().await.keep, had);
    end_forming(&sandbox).await;
    assert_eq!(alive.renew().await.keep.len(), PARTS.len());

    // The dead was only frozen.
    assert_eq!(dead.renew().await, Assignment::default());
    assert_eq!(alive.comply().await, 4);
    assert_eq!(dead.renew().await.keep.len(), 4);
    counts(&[dead, alive]);
}

#[tokio::test]
async fn a_group_that_redis_forgot_goes_on_as_it_was() {
    let sandbox = Sandbox::create().await;
    let mut members = [Member::new(&sandbox), Member::new(&sandbox)];
    settle(&mut members).await;
    let before = members.each_ref().map(|member| member.held.clone());

    sandbox.flush_redis().await;
    assert_eq!(settle(&mut members).await, 0);
    assert_eq!(members.each_ref().map(|it| it.held.clone()), before);

    // What is nobody's is shared out later.
    sandbox.flush_redis().await;
    let [mut dead, mut alive] = members;
    assert_eq!(alive.renew().await.keep, before[1]);
    let mut new = Member::new(&sandbox);
    assert_eq!(new.renew().await, Assignment::default());
    end_forming(&sandbox).await;
    assert_eq!(new.renew().await.keep, before[0]);
    assert_eq!(dead.renew().await, Assignment::default());
}
