//! Fills a running stack with people who follow, post, like and comment,
//! through the public API as any client, and shows what comes of it.
//!
//! Whatever was acknowledged must be there in the end: every feed and every
//! count of likes and comments is compared with what this client has sent.

mod api;
mod client;
mod comments;
mod feeds;
mod likes;
mod options;
mod people;
mod posts;
mod settle;
mod show;
mod steps;
mod words;

use std::process::ExitCode;

use anyhow::bail;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use runtime::Shutdown;

use crate::{client::Client, options::Options, steps::Steps};

fn main() -> ExitCode {
    runtime::main(execute)
}

async fn execute(options: Options, shutdown: Shutdown) -> anyhow::Result<()> {
    tokio::select! {
        played = play(&options) => played,
        () = shutdown.draining() => bail!("interrupted"),
    }
}

async fn play(options: &Options) -> anyhow::Result<()> {
    let graph = options.graph()?;
    let client = Client::connect(&options.gateway_url).await?;
    show::graph(&graph)?;

    let mut random = Xoshiro256PlusPlus::seed_from_u64(options.seed);
    let mut steps = Steps::new(&client, options);
    let people = people::register(&mut steps, graph.people(), &mut random).await?;
    people::follow(&mut steps, &people, &graph, &mut random).await?;
    // Whoever has read their feed is active: new posts are brought to them.
    feeds::read_all(&mut steps, "read empty feeds", &people).await?;
    let drafts = posts::write(&graph, &people, options.posts, &mut random)?;
    let posts = posts::publish(&mut steps, &people, drafts).await?;
    let likes = likes::choose(&graph, &posts, options.likes, &mut random)?;
    let likes = likes::give(&mut steps, &people, likes).await?;
    let comments = likes::choose(&graph, &posts, options.comments, &mut random)?;
    let comments = comments::write(&mut steps, &people, comments, &mut random).await?;

    let (feeds, feed_findings) = feeds::compare(&mut steps, &people, &graph, &posts).await?;
    feeds::read_all(&mut steps, "read feeds again", &people).await?;
    let count_findings = likes::compare(&mut steps, &people, &posts, &likes, &comments).await?;
    let recount = likes::recount_most_liked(&mut steps, &people, &posts, &likes).await?;

    show::feed(&people, &graph, &feeds)?;
    show::most_liked(&recount)?;
    show::trending(&posts::trending(&mut steps, &people).await?)?;
    show::throughput(&steps)?;
    show::findings(&[feed_findings, count_findings, recount.findings()])
}
