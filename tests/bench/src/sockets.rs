//! Sockets: what a connection costs when it is made and while it is held, and
//! what a message costs, beside the official server with the same client.

mod chat;
mod client;
mod connection;
mod crowd;
mod figures;
mod server;
mod side;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokens::Signer;

pub(crate) use self::{client::run as drive, server::serve};
use self::{figures::Figures, side::Side};
use crate::report::say;

/// Settings of [`drive`].
pub(crate) type ClientSettings = client::Settings;
/// Settings of [`serve`].
pub(crate) type ServerSettings = server::Settings;

/// Connections of one process: it may open 20,000 files.
const PER_PROCESS: usize = 18_000;
/// Through a gateway a connection is two files.
const PER_GATEWAY: usize = 9_000;

/// How much is done.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Connections to hold; a server and a client process for each 18,000
    #[arg(long, default_value_t = 15_000)]
    connections: usize,
    /// Of them, those to the official server; as many as to ours if not given, at most 15,000
    #[arg(long)]
    node_connections: Option<usize>,
    /// Conversations at a time
    #[arg(long, default_value_t = 64)]
    chats: usize,
    /// Seconds of heartbeats; each connection has one in 25
    #[arg(long, default_value_t = 25)]
    idle_seconds: u64,
    /// Seconds of each chat
    #[arg(long, default_value_t = 5)]
    chat_seconds: u64,
    /// Messages in a second while their latency is measured
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// How often everything is measured, each time beside the official server
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Where the official server is installed
    #[arg(long, env = "SOCKETIO", hide_env_values = true)]
    socketio: PathBuf,
}

/// Measures everything and prints it. A connection that is lost, and a message
/// that does not arrive, are errors.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(
        options.chats > 0 && options.rounds > 0,
        "nothing to measure"
    );
    raise_file_limit()?;
    let key = tokens::generate_key_pem()?;
    let keys = Signer::from_pem(&key)?.jwks_json();
    let folder = Folder::create()?;
    let logs = folder.0.as_path();
    let node_connections = options.node_connections;
    let node_connections = node_connections.unwrap_or(options.connections.min(15_000));
    let mut figures = Figures::default();
    for _ in 0..options.rounds {
        say(&format!("{} connections to ours", options.connections))?;
        let processes = options.connections.div_ceil(PER_PROCESS);
        let side = Side::ours(processes, &keys, logs).await?;
        figures.add(
            "ours",
            side.measure(options, options.connections, &key).await?,
        );

        say(&format!(
            "{node_connections} connections to the official server"
        ))?;
        let processes = node_connections.div_ceil(PER_PROCESS);
        let side = Side::node(processes, &keys, &options.socketio, logs).await?;
        figures.add("Node", side.measure(options, node_connections, &key).await?);

        let through_gateway = options.connections.min(PER_GATEWAY);
        say(&format!(
            "{through_gateway} connections to ours through a gateway"
        ))?;
        let side = Side::gateway(&keys, logs).await?;
        figures.add(
            "gateway",
            side.measure(options, through_gateway, &key).await?,
        );
    }
    figures.print()?;
    Ok(())
}

/// Lets this process, and those that it starts, open as many files as they may.
fn raise_file_limit() -> anyhow::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).context("cannot open enough files")
}

/// What the processes write, gone when all is well.
struct Folder(PathBuf);

impl Folder {
    fn create() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("bench-sockets-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
