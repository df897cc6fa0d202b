//! Any history of jobs ends the same, in whatever order and pieces it comes.

use std::collections::{BTreeMap, HashMap};

use bson::{Bson, oid::ObjectId};
use contracts::jobs::v1::Job;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use tonic::Code;

use super::{PARTITION, Rig, job, people, replica::Replica};

const PEOPLE: usize = 8;
const POSTS: usize = 4;
const HISTORIES: usize = 4;
const JOBS: i64 = 120;
const REACTIONS: [&str; 3] = ["❤️", "👍🏽", "🎉"];

/// What everybody wants of every post in the end.
type Wanted = HashMap<(ObjectId, ObjectId), (i64, Option<String>)>;

/// Begins at a seed that can be given again.
#[expect(clippy::print_stdout, reason = "shown when a test fails, to repeat it")]
fn dice() -> StdRng {
    let given = std::env::var("SEED").ok();
    let seed = given.map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Jobs as people ask for them, and what they come to.
fn history(dice: &mut StdRng, people: &[ObjectId], posts: &[ObjectId]) -> (Vec<Job>, Wanted) {
    let (mut jobs, mut wanted) = (Vec::new(), Wanted::new());
    for version in 1..=JOBS {
        let user = people[dice.random_range(0..people.len())];
        let post = posts[dice.random_range(0..posts.len())];
        let reaction = dice
            .random_bool(0.6)
            .then(|| REACTIONS[dice.random_range(0..REACTIONS.len())]);
        jobs.push(job(user, post, reaction, version));
        let reaction = reaction.map(ToOwned::to_owned);
        wanted.insert((post, user), (version, reaction));
    }
    (jobs, wanted)
}

/// The same jobs, some of them twice or more often, in any order.
fn shuffled(dice: &mut StdRng, jobs: &[Job]) -> Vec<Job> {
    let mut again = jobs.to_vec();
    for _ in 0..jobs.len() / 2 {
        again.push(jobs[dice.random_range(0..jobs.len())].clone());
    }
    again.shuffle(dice);
    again
}

/// Pieces of any size.
fn pieces(dice: &mut StdRng, mut jobs: Vec<Job>) -> Vec<Vec<Job>> {
    let mut pieces = Vec::new();
    while !jobs.is_empty() {
        let size = dice.random_range(1..=jobs.len().min(60));
        pieces.push(jobs.split_off(jobs.len() - size));
    }
    pieces
}

/// Until it is done: those who get into each other's way try again, as a worker does.
async fn apply(replica: &Replica, partition: &str, jobs: Vec<Job>) {
    loop {
        match replica.apply_from(partition, jobs.clone()).await {
            Ok(_) => return,
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
        }
    }
}

async fn apply_all(replica: &Replica, partition: &str, pieces: Vec<Vec<Job>>) {
    for jobs in pieces {
        apply(replica, partition, jobs).await;
    }
}

/// Everything is as wanted, and every count is right.
async fn check(rig: &Rig, posts: &[ObjectId], wanted: &Wanted) {
    for post in posts {
        let of_post = wanted.iter().filter(|((of, _), _)| of == post);
        let liked = of_post.filter_map(|((_, user), (version, reaction))| {
            Some((*user, (reaction.clone()?, *version)))
        });
        let liked: BTreeMap<_, _> = liked.collect();
        assert_eq!(rig.likes(*post).await, liked);
        let count = rig.likes_count(*post).await;
        let count = count.unwrap_or(Bson::Int64(0));
        assert_eq!(count, Bson::Int64(liked.len().try_into().unwrap()));
    }
}

async fn cast(rig: &Rig) -> ([ObjectId; PEOPLE], Vec<ObjectId>) {
    let people: [ObjectId; PEOPLE] = people();
    let mut posts = Vec::new();
    for author in &people[..POSTS] {
        posts.push(rig.post(*author).await);
    }
    (people, posts)
}

#[tokio::test]
async fn any_history_ends_the_same_in_any_order_and_in_any_pieces() {
    let rig = Rig::start().await;
    let other = Replica::start(&rig.deployment, &[]).await;
    let mut dice = dice();
    for _ in 0..HISTORIES {
        let (people, posts) = cast(&rig).await;
        let (jobs, wanted) = history(&mut dice, &people, &posts);
        for _ in 0..2 {
            let jobs = shuffled(&mut dice, &jobs);
            for jobs in pieces(&mut dice, jobs) {
                let replica = if dice.random() { &rig.replica } else { &other };
                apply(replica, PARTITION, jobs).await;
            }
            check(&rig, &posts, &wanted).await;
        }
    }
}

#[tokio::test]
async fn two_who_apply_the_same_at_once_count_it_once() {
    let rig = Rig::start().await;
    let other = Replica::start(&rig.deployment, &[]).await;
    let mut dice = dice();
    // For one partition, which is not meant to be, and worse, for two.
    for another in [PARTITION, "likes-queue.4"] {
        let (people, posts) = cast(&rig).await;
        let (jobs, wanted) = history(&mut dice, &people, &posts);
        let jobs = shuffled(&mut dice, &jobs);
        let pieces = pieces(&mut dice, jobs);
        tokio::join!(
            apply_all(&rig.replica, PARTITION, pieces.clone()),
            apply_all(&other, another, pieces),
        );
        check(&rig, &posts, &wanted).await;
    }
}
