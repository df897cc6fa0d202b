//! The mix of operations that `DeathStarBench` puts on a social network (Gan et
//! al., ASPLOS 2019): 60 % read a home timeline, 30 % a user's, 10 % post, ten
//! posts a read, each by anybody of a network, at random moments.

use std::time::Duration;

use anyhow::Context;
use graph::{Graph, HeavyTailed, Meaning};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::{
    Options,
    scene::{Scene, post_request},
};
use crate::{
    http::Request,
    network::{plant_follows, plant_posts},
    open_loop::{self, Arrival, timing_of},
    people::Person,
    program::Program,
    report::{Report, Round},
    usage::Usage,
};

const ALL: &str = "mix, all operations";
const HOME: &str = "mix, home timelines";
const USER: &str = "mix, user timelines";
const COMPOSE: &str = "mix, posts written";
/// Posts of each person at the beginning.
const POSTS: usize = 10;
/// Characters of a post.
const LENGTH: usize = 120;
/// Whom a person of a generated network follows on average.
const FOLLOWEES: f64 = 20.0;
/// Exponent of the follower counts of Twitter (Kwak et al., WWW 2010).
const EXPONENT: f64 = 2.28;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Home,
    User,
    Compose,
}

/// The network that the options ask for.
pub(super) fn graph(options: &Options) -> anyhow::Result<Graph> {
    if let Some(file) = &options.graph {
        return Graph::read(file, Meaning::Friendship).context("the graph");
    }
    let network = HeavyTailed {
        people: options.people,
        mean_followees: FOLLOWEES,
        exponent: EXPONENT,
    };
    Ok(network.generate(options.seed)?)
}

/// Adds to `report` what operations on `graph` take that arrive at a fixed rate.
pub(super) async fn measure(
    scene: &Scene<'_>,
    graph: &Graph,
    worker: &Program,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (store, people) = (&scene.stack.store, &scene.strangers);
    let id = |n: u32| people.get(n as usize).map(|person| person.id);
    let follows = graph
        .follows()
        .filter_map(|(follower, followee)| Some((id(follower)?, id(followee)?)));
    plant_follows(store, &follows.collect::<Vec<_>>()).await?;
    let ids: Vec<_> = people.iter().map(|person| person.id).collect();
    plant_posts(store, &ids, POSTS, LENGTH).await?;
    scene.read_feeds(people).await?;

    let mut random = Xoshiro256PlusPlus::seed_from_u64(scene.options.seed);
    for _ in 0..scene.options.rounds {
        let arrivals = arrivals(scene, &mut random)?;
        let before = scene.usage(worker)?;
        let (elapsed, latencies) = open_loop::send(scene.stack.gateway.http, arrivals).await?;
        let used = scene.usage(worker)?.since(&before);
        let all = timing_of(elapsed, &latencies, |_| true);
        report.add(ALL, Round::timed(&all, used))?;
        for (subject, kind) in [
            (HOME, Kind::Home),
            (USER, Kind::User),
            (COMPOSE, Kind::Compose),
        ] {
            let timing = timing_of(elapsed, &latencies, |it| it == kind);
            report.add(subject, Round::timed(&timing, Usage::default()))?;
        }
    }
    Ok(())
}

/// Who does what when: arrivals are a Poisson process.
fn arrivals(
    scene: &Scene<'_>,
    random: &mut Xoshiro256PlusPlus,
) -> anyhow::Result<Vec<Arrival<Kind>>> {
    let end = Duration::from_secs(scene.options.seconds.into());
    let mut arrivals = Vec::new();
    let mut due = Duration::ZERO;
    loop {
        let gap = -(1.0 - random.random::<f64>()).ln() / scene.options.rate;
        due += Duration::try_from_secs_f64(gap)?;
        if due > end {
            return Ok(arrivals);
        }
        let mut anybody = || {
            let somebody = random.random_range(0..scene.strangers.len());
            scene.strangers.get(somebody).context("nobody is there")
        };
        let (person, other) = (anybody()?, anybody()?);
        let kind = match random.random_range(0..10) {
            0..6 => Kind::Home,
            6..9 => Kind::User,
            _ => Kind::Compose,
        };
        arrivals.push(Arrival {
            due,
            kind,
            request: request(kind, person, other),
            status: if kind == Kind::Compose { 201 } else { 200 },
        });
    }
}

fn request(kind: Kind, person: &Person, other: &Person) -> Request {
    match kind {
        Kind::Home => person.request("GET", "/api/posts/feed?limit=10", ""),
        Kind::User => {
            let path = format!("/api/posts/user/{}?limit=10", other.id);
            person.request("GET", &path, "")
        }
        Kind::Compose => post_request(person),
    }
}
