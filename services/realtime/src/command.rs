use std::{
    io::{self, Write},
    sync::Arc,
};

use anyhow::Context;
use cache::Cache;
use clap::Parser;
use runtime::{Shutdown, SystemClock, admin, settings::LifecycleSettings};
use telemetry::Telemetry;

use crate::{App, Settings, auth::Auth};

/// Holds the sockets of people and delivers events to them
#[derive(Debug, Parser)]
#[command(name = "realtime", version)]
pub enum Command {
    /// Serve (what happens without a subcommand)
    Serve(Box<Settings>),
    /// Check the settings and whether every dependency answers
    Check(Box<Settings>),
    /// Ask a running service whether it is ready
    Healthcheck(LifecycleSettings),
}

/// Runs one command of the `realtime` process to its end.
pub async fn execute(command: Command, shutdown: Shutdown) -> anyhow::Result<()> {
    match command {
        Command::Serve(settings) => {
            let telemetry = Telemetry::init("realtime", &settings.telemetry)?;
            let metrics = telemetry.render_metrics();
            let app = App::build(*settings, shutdown, Arc::new(SystemClock), metrics).await?;
            let ended = app.run().await;
            telemetry.flush().await;
            ended
        }
        Command::Check(settings) => check(&settings).await,
        Command::Healthcheck(lifecycle) => admin::healthcheck(lifecycle.admin_addr).await,
    }
}

async fn check(settings: &Settings) -> anyhow::Result<()> {
    let cache = Cache::connect(&settings.redis)?;
    cache.ping().await.context("redis does not answer")?;
    let auth = Auth::connect(settings)?;
    auth.keys().await.context("auth does not answer")?;
    writeln!(io::stdout(), "ok")?;
    Ok(())
}
