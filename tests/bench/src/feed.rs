//! Feeds: how fast they are read, cached and cold, and how fast a post comes
//! into those of followers.

mod cached;
mod cold;
mod fan_out;
mod lag;
mod login;
mod mix;
mod post;
mod scene;

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use crate::{
    report::{Report, say},
    stack::Stack,
    usage::memory,
};
use scene::Scene;

/// How much is done.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Connections of the client
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How often everything is measured, each time beside its baseline
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Logins of a round
    #[arg(long, default_value_t = 100)]
    logins: u32,
    /// People whose feeds are read
    #[arg(long, default_value_t = 500)]
    readers: usize,
    /// Cached pages that are read in a round
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// Followers of the most followed author; another has a tenth
    #[arg(long, default_value_t = 10_000)]
    followers: usize,
    /// Edge list of friendships for the mix of operations; none: a network is generated
    #[arg(long)]
    graph: Option<PathBuf>,
    /// People of a generated network
    #[arg(long, default_value_t = 1_000)]
    people: u32,
    /// Operations of the mix that arrive in a second
    #[arg(long, default_value_t = 300.0)]
    rate: f64,
    /// How long they arrive, in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Of the network and of who does what when
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Measures everything and prints it. An answer that is not as it should be,
/// or a post that does not arrive, is an error.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(options.rounds > 0, "nothing to measure");
    say("starting")?;
    let mut stack = Stack::start().await?;
    let bare = stack.add_bare_get(cached::BARE_KEY).await?;
    let graph = mix::graph(options)?;
    let scene = Scene::set(&stack, options, graph.people()).await?;
    let mut report = Report::default();

    say("logins")?;
    login::measure(&scene, &mut report).await?;
    say("cached feeds")?;
    cached::measure(&scene, bare, &mut report).await?;
    say("cold feeds")?;
    cold::measure(&scene, &mut report).await?;
    say("posts by id")?;
    post::measure(&scene, &mut report).await?;
    let worker = stack.start_worker().await?;
    say("fan-out")?;
    fan_out::measure(&scene, &worker, &mut report).await?;
    say("ordinary authors")?;
    lag::measure(&scene, &worker, &mut report).await?;
    say("a mix of operations")?;
    mix::measure(&scene, &graph, &worker, &mut report).await?;

    for (name, pid) in stack.processes(std::slice::from_ref(&worker))? {
        report.add_memory(name, memory(pid)?);
    }
    worker.stop().await?;
    report.print(&[
        (login::LOGIN, login::BARE, "–"),
        (cached::THROUGH_GATEWAY, cached::THROUGH_NGINX, "0.6"),
        (cached::DIRECT, cached::BARE, "–"),
        (cold::UNCACHED, cold::BARE, "–"),
        (cold::REBUILT, cold::BARE, "–"),
        (post::WARM, post::BARE, "–"),
        (post::COLD, post::BARE, "–"),
        (fan_out::MANY, fan_out::BARE_MANY, "0.4"),
        (fan_out::SOME, fan_out::BARE_SOME, "0.4"),
    ])?;
    Ok(())
}
