use std::{
    io::{self, Write},
    sync::Arc,
};

use anyhow::Context;
use bus::Publisher;
use cache::Cache;
use clap::Parser;
use runtime::{Shutdown, SystemClock, admin, settings::LifecycleSettings};
use store::Store;
use telemetry::Telemetry;

use crate::{App, MigrateSettings, Settings, migrate, people::People};

/// Posts and the home feed
#[derive(Debug, Parser)]
#[command(name = "posts", version)]
pub enum Command {
    /// Serve (what happens without a subcommand)
    Serve(Box<Settings>),
    /// Create indexes and queues, complete documents of the predecessor
    Migrate(Box<MigrateSettings>),
    /// Check the settings and whether every dependency answers
    Check(Box<Settings>),
    /// Ask a running service whether it is ready
    Healthcheck(LifecycleSettings),
}

/// Runs one command of the `posts` process to its end.
pub async fn execute(command: Command, shutdown: Shutdown) -> anyhow::Result<()> {
    match command {
        Command::Serve(settings) => {
            let telemetry = Telemetry::init("posts", &settings.telemetry)?;
            let metrics = telemetry.render_metrics();
            let app = App::build(*settings, shutdown, Arc::new(SystemClock), metrics).await?;
            let ended = Box::pin(app.run()).await;
            telemetry.flush().await;
            ended
        }
        Command::Migrate(settings) => {
            let report = migrate(&settings).await?;
            write!(io::stdout(), "{report}")?;
            Ok(())
        }
        Command::Check(settings) => check(&settings).await,
        Command::Healthcheck(lifecycle) => admin::healthcheck(lifecycle.admin_addr).await,
    }
}

async fn check(settings: &Settings) -> anyhow::Result<()> {
    let store = Store::connect(&settings.mongo, "posts").await?;
    store.ping().await.context("mongodb does not answer")?;
    let cache = Cache::connect(&settings.redis)?;
    cache.ping().await.context("redis does not answer")?;
    let publisher = Publisher::new(&settings.amqp, "posts check");
    publisher.ping().await.context("rabbitmq does not answer")?;
    let people = People::connect(settings, &cache)?;
    people.keys().await.context("auth does not answer")?;
    writeln!(io::stdout(), "ok")?;
    Ok(())
}
