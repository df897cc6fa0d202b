use std::io::{self, Write};

use anyhow::Context;
use bus::Publisher;
use cache::Cache;
use clap::Parser;
use runtime::{Shutdown, admin, settings::LifecycleSettings};
use telemetry::Telemetry;

use crate::{App, Settings, posts::Posts};

/// Drives the queues: hands what lies in them to its owners
#[derive(Debug, Parser)]
#[command(name = "worker", version)]
pub enum Command {
    /// Serve (what happens without a subcommand)
    Serve(Box<Settings>),
    /// Check the settings and whether every dependency answers
    Check(Box<Settings>),
    /// Ask a running service whether it is ready
    Healthcheck(LifecycleSettings),
}

/// Runs one command of the `worker` process to its end.
pub async fn execute(command: Command, shutdown: Shutdown) -> anyhow::Result<()> {
    match command {
        Command::Serve(settings) => {
            let telemetry = Telemetry::init("worker", &settings.telemetry)?;
            let metrics = telemetry.render_metrics();
            let app = App::build(*settings, shutdown, metrics).await?;
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
    let publisher = Publisher::new(&settings.amqp, "worker check");
    publisher.ping().await.context("rabbitmq does not answer")?;
    let posts = Posts::connect(settings)?;
    posts.ping().await.context("posts does not answer")?;
    writeln!(io::stdout(), "ok")?;
    Ok(())
}
