//! What people do beside reading their feed: follow, comment, look at each
//! other, look for things. Each beside what the driver alone takes for the same.

mod comment;
mod follow;
mod hashtag;
mod profile;
mod scene;
mod search;

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
    /// Requests of a round
    #[arg(long, default_value_t = 2_000)]
    requests: usize,
    /// People who ask
    #[arg(long, default_value_t = 1_000)]
    people: u32,
    /// People who have posted
    #[arg(long, default_value_t = 200)]
    authors: u32,
}

/// Measures everything and prints it. An answer that is not as it should be is
/// an error.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(options.rounds > 0, "nothing to measure");
    say("starting")?;
    let stack = Stack::start().await?;
    let worker = stack.start_worker().await?;
    let scene = Scene::set(&stack, options).await?;
    let mut report = Report::default();

    say("profiles")?;
    profile::measure(&scene, &mut report).await?;
    say("hashtag pages")?;
    hashtag::measure(&scene, &mut report).await?;
    say("search")?;
    search::measure(&scene, &mut report).await?;
    say("follows")?;
    follow::measure(&scene, &mut report).await?;
    say("comments")?;
    comment::measure(&scene, &mut report).await?;

    for (name, pid) in stack.processes(std::slice::from_ref(&worker))? {
        report.add_memory(name, memory(pid)?);
    }
    worker.stop().await?;
    report.print(&[
        (profile::PROFILE, profile::BARE, "–"),
        (hashtag::PAGE, hashtag::BARE, "–"),
        (search::POSTS, search::BARE_POSTS, "–"),
        (search::ACCOUNTS, search::BARE_ACCOUNTS, "–"),
        (follow::FOLLOW, follow::BARE, "–"),
        (comment::COMMENT, comment::BARE, "–"),
    ])?;
    Ok(())
}
