//! Measures the services under load, as processes of their own, each figure
//! beside a baseline that the same machine gives in the same run.

mod bare_post;
mod http;
mod likes;
mod load;
mod metrics;
mod people;
mod program;
mod report;
mod servers;
mod stack;
mod usage;

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;
use runtime::Shutdown;

#[derive(Debug, Parser)]
#[command(name = "bench", about)]
enum Command {
    /// Likes: how many are accepted and how many applied in a second, and what each costs
    Likes(likes::Options),
    /// Answer authenticated POSTs and do nothing else: what `likes` compares with
    #[command(hide = true)]
    BarePost(Box<bare_post::Settings>),
}

fn main() -> ExitCode {
    runtime::main(execute)
}

async fn execute(command: Command, shutdown: Shutdown) -> anyhow::Result<()> {
    match command {
        Command::Likes(options) => tokio::select! {
            measured = likes::run(&options) => measured,
            () = shutdown.draining() => bail!("interrupted"),
        },
        Command::BarePost(settings) => bare_post::serve(*settings, shutdown).await,
    }
}
