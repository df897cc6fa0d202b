//! What is to be done.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use graph::{Graph, HeavyTailed, Meaning};
use runtime::settings;

/// Fill a running stack with people who follow, post, like and comment, and show what comes of it
#[derive(Clone, Debug, Parser)]
#[command(name = "demo")]
pub(crate) struct Options {
    /// The gateway of the stack
    #[arg(long, env = "GATEWAY_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) gateway_url: String,
    /// Edge list of the people and whom they follow; without it one is generated
    #[arg(long, env = "GRAPH", value_name = "FILE")]
    graph: Option<PathBuf>,
    /// What an edge of the file is
    #[arg(long, env = "EDGES", value_enum, default_value_t = Edges::Friendships)]
    edges: Edges,
    /// How many people to generate
    #[arg(long, env = "PEOPLE", default_value_t = 300)]
    people: u32,
    /// How many others a generated person follows on average
    #[arg(long, env = "FOLLOWEES", default_value_t = 15.0)]
    followees: f64,
    /// What is drawn at random is drawn alike again for the same number
    #[arg(long, env = "SEED", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Posts a person, on average
    #[arg(long, env = "POSTS", default_value_t = 3)]
    pub(crate) posts: usize,
    /// Likes a person gives, on average
    #[arg(long, env = "LIKES", default_value_t = 10)]
    pub(crate) likes: usize,
    /// Comments a person writes, on average
    #[arg(long, env = "COMMENTS", default_value_t = 4)]
    pub(crate) comments: usize,
    /// Requests under way at a time
    #[arg(long, env = "CONCURRENCY", default_value_t = 32)]
    pub(crate) concurrency: usize,
    /// How long what was acknowledged may take to be seen everywhere
    #[arg(long, env = "SETTLE", default_value = "2m", value_parser = settings::parse_duration)]
    pub(crate) settle: Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Edges {
    /// Both follow each other
    Friendships,
    /// The first follows the second
    Follows,
}

impl Options {
    /// The exponent of the follower counts of a generated network.
    const EXPONENT: f64 = 2.3;

    /// The network to bring to life.
    pub(crate) fn graph(&self) -> anyhow::Result<Graph> {
        ensure!(self.posts > 0, "without posts there is nothing to show");
        ensure!(
            self.concurrency > 0,
            "with no request under way nothing happens"
        );
        let Some(file) = &self.graph else {
            let network = HeavyTailed {
                people: self.people,
                mean_followees: self.followees,
                exponent: Self::EXPONENT,
            };
            return Ok(network.generate(self.seed)?);
        };
        let meaning = match self.edges {
            Edges::Friendships => Meaning::Friendship,
            Edges::Follows => Meaning::Follow,
        };
        let graph = Graph::read(file, meaning);
        graph.with_context(|| format!("{}", file.display()))
    }
}
