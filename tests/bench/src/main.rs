//! Measures the services under load, as processes of their own, each figure
//! beside a baseline that the same machine gives in the same run.

mod bare_get;
mod bare_post;
mod feed;
mod http;
mod likes;
mod load;
mod metrics;
mod network;
mod nginx;
mod open_loop;
mod people;
mod program;
mod report;
mod servers;
mod social;
mod sockets;
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
    /// Feeds: reading them cached and cold, and writing posts into them
    Feed(feed::Options),
    /// Following, commenting, profiles, hashtags and search, each beside its bare query
    Social(social::Options),
    /// Sockets: making and holding many, and talking over some, beside the official server
    Sockets(sockets::Options),
    /// Carry messages between sockets: what `sockets` measures
    #[command(hide = true)]
    SocketServer(Box<sockets::ServerSettings>),
    /// Be many clients: what `sockets` measures with
    #[command(hide = true)]
    SocketClient(Box<sockets::ClientSettings>),
    /// Answer with a value of Redis and do nothing else: what `feed` compares with
    #[command(hide = true)]
    BareGet(bare_get::Settings),
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
        Command::Feed(options) => tokio::select! {
            measured = feed::run(&options) => measured,
            () = shutdown.draining() => bail!("interrupted"),
        },
        Command::Social(options) => tokio::select! {
            measured = social::run(&options) => measured,
            () = shutdown.draining() => bail!("interrupted"),
        },
        Command::Sockets(options) => tokio::select! {
            measured = sockets::run(&options) => measured,
            () = shutdown.draining() => bail!("interrupted"),
        },
        Command::SocketServer(settings) => sockets::serve(*settings, shutdown).await,
        Command::SocketClient(settings) => sockets::drive(*settings).await,
        Command::BareGet(settings) => bare_get::serve(&settings).await,
        Command::BarePost(settings) => bare_post::serve(*settings, shutdown).await,
    }
}
