//! What a limit of followers, from which on posts are merged into feeds when
//! they are read instead of written to them when they are posted, costs and
//! saves: docs/scaling.md tells what comes of it.
//!
//! Nothing is drawn but the network and who does how much, with a seed;
//! the rest are sums over who follows whom.
#![allow(clippy::print_stdout, reason = "it prints tables")]

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Parser;
use graph::{Graph, HeavyTailed, Meaning};
use rand::{RngExt, SeedableRng, distr::Distribution, rngs::Xoshiro256PlusPlus};
use rand_distr::LogNormal;

/// The limits to compare; without a limit everything is written.
const LIMITS: [u32; 8] = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, u32::MAX];
/// Followers of a page of a fan-out.
const PAGE: f64 = 1_000.0;
/// Spread of what people do: the standard deviation of the logarithm.
const SPREAD: f64 = 1.2;

/// Compare limits of followers for fan-out on write
#[derive(Parser)]
struct Options {
    /// Edge list of friendships; without it networks of 100,000 and 1,000,000 people are generated
    #[arg(long)]
    graph: Option<PathBuf>,
    /// How many others a person of a generated network follows on average
    #[arg(long, default_value_t = 30.0)]
    followees: f64,
    /// The exponent of the follower counts of a generated network
    #[arg(long, default_value_t = 2.3)]
    exponent: f64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Share of people who have read their feed in the last days, and have a timeline
    #[arg(long, default_value_t = 0.3)]
    active: f64,
    /// Posts of a person in a day, on average
    #[arg(long, default_value_t = 0.5)]
    posts: f64,
    /// Pages of the feed that an active person reads in a day, on average
    #[arg(long, default_value_t = 30.0)]
    reads: f64,
    /// Share of these that have to be made, since no page is cached or it is out of date
    #[arg(long, default_value_t = 0.5)]
    made: f64,
    /// Redis, µs: a post into a timeline (tests/scaling/redis-costs.sh measures this and the next three)
    #[arg(long, default_value_t = 20.0)]
    write: f64,
    /// Redis, µs: to see that somebody has no timeline
    #[arg(long, default_value_t = 4.0)]
    absent: f64,
    /// Redis, µs: the stamp of a merged author, for a page that is served
    #[arg(long, default_value_t = 1.0)]
    stamp: f64,
    /// Redis, µs: the posts of a merged author, for a page that is made
    #[arg(long, default_value_t = 6.0)]
    merge: f64,
    /// What a page of a fan-out takes beside the writes: the job's way through the queue, the
    /// followers from auth, ms
    #[arg(long, default_value_t = 15.0)]
    page: f64,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if let Some(file) = &options.graph {
        let graph = Graph::read(file, Meaning::Friendship);
        let graph = graph.with_context(|| file.display().to_string())?;
        return compare(&graph, &options);
    }
    for people in [100_000, 1_000_000] {
        let network = HeavyTailed {
            people,
            mean_followees: options.followees,
            exponent: options.exponent,
        };
        compare(&network.generate(options.seed)?, &options)?;
    }
    Ok(())
}

/// Somebody, and what they do in a day.
struct Person {
    followers: u32,
    active_followers: u32,
    posts: f64,
    /// Pages of the feed; nobody reads who is not active.
    reads: f64,
}

fn people(graph: &Graph, options: &Options) -> anyhow::Result<Vec<Person>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(options.seed);
    // With this location the mean is 1.
    let amount = LogNormal::new(-SPREAD.powi(2) / 2.0, SPREAD)?;
    let active = (0..graph.people()).map(|_| random.random_bool(options.active));
    let active: Vec<_> = active.collect();
    let is_active = |person: &u32| active.get(*person as usize).is_some_and(|active| *active);
    let people = (0..graph.people()).map(|person| {
        let followers = graph.followers(person);
        let active_followers = followers.iter().filter(|follower| is_active(follower));
        Ok(Person {
            followers: u32::try_from(followers.len())?,
            active_followers: u32::try_from(active_followers.count())?,
            posts: options.posts * amount.sample(&mut random),
            reads: f64::from(u8::from(is_active(&person)))
                * options.reads
                * amount.sample(&mut random),
        })
    });
    people.collect()
}

/// What a limit comes to.
struct Outcome {
    merged_authors: usize,
    /// Merged authors of each active person, in ascending order.
    merged_followees: Vec<u32>,
    /// Timelines written, for a post on average.
    writes_per_post: f64,
    /// Redis, seconds a day.
    writing: f64,
    /// Redis, seconds a day.
    merging: f64,
    /// From a post until the last follower has it, if nobody else posts.
    slowest: Duration,
}

fn outcome(graph: &Graph, people: &[Person], limit: u32, options: &Options) -> Outcome {
    let is_merged = |person: &Person| person.followers > limit;
    let absent = |person: &Person| f64::from(person.followers - person.active_followers);
    // Of one post, in µs.
    let write = |person: &Person| {
        f64::from(person.active_followers) * options.write + absent(person) * options.absent
    };
    let written = || people.iter().filter(|person| !is_merged(person));
    let slowest = written().map(|person| {
        let pages = (f64::from(person.followers) / PAGE).ceil();
        pages * options.page * 1e3 + write(person)
    });
    let posts: f64 = people.iter().map(|person| person.posts).sum();
    let writes = written().map(|person| person.posts * f64::from(person.active_followers));

    // What a merged author adds to a page, in µs.
    let merge = options.stamp + options.made * options.merge;
    let mut merged_followees = Vec::new();
    let mut merging = 0.0;
    for (number, person) in (0..).zip(people).filter(|(_, person)| person.reads > 0.0) {
        let followees = graph.followees(number).iter();
        let merged = followees.filter_map(|&followee| people.get(followee as usize));
        let merged = merged.filter(|followee| is_merged(followee));
        let merged = u32::try_from(merged.count()).unwrap_or(u32::MAX);
        merging += person.reads * f64::from(merged) * merge;
        merged_followees.push(merged);
    }
    merged_followees.sort_unstable();
    Outcome {
        merged_authors: people.iter().filter(|person| is_merged(person)).count(),
        merged_followees,
        writes_per_post: writes.sum::<f64>() / posts,
        writing: written()
            .map(|person| person.posts * write(person))
            .sum::<f64>()
            / 1e6,
        merging: merging / 1e6,
        slowest: Duration::from_secs_f64(slowest.fold(0.0, f64::max) / 1e6),
    }
}

fn compare(graph: &Graph, options: &Options) -> anyhow::Result<()> {
    let people = people(graph, options)?;
    let followers = graph.follower_counts();
    println!(
        "\n{} people, {} follows, followers: median {}, p99 {}, most {}\n",
        graph.people(),
        graph.size(),
        followers.percentile(50.0),
        followers.percentile(99.0),
        followers.max()
    );
    println!(
        "| limit | authors merged | merged for a reader: median, p99 | writes a post | Redis s/day: writing | merging | both | slowest fan-out |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
    for limit in LIMITS {
        let outcome = outcome(graph, &people, limit, options);
        let readers = &outcome.merged_followees;
        let percentile = |percent| readers.get(readers.len().saturating_sub(1) * percent / 100);
        let [median, p99] =
            [50, 99].map(|percent| percentile(percent).copied().unwrap_or_default());
        let name = if limit == u32::MAX {
            "none".to_owned()
        } else {
            limit.to_string()
        };
        println!(
            "| {name} | {} | {median}, {p99} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} s |",
            outcome.merged_authors,
            outcome.writes_per_post,
            outcome.writing,
            outcome.merging,
            outcome.writing + outcome.merging,
            outcome.slowest.as_secs_f64()
        );
    }
    Ok(())
}
