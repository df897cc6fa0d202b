use std::{
    io::{self, Write},
    sync::Arc,
};

use anyhow::Context;
use clap::Parser;
use runtime::{Shutdown, SystemClock, admin, settings::LifecycleSettings};
use secrecy::ExposeSecret;
use telemetry::Telemetry;

use crate::{App, MigrateSettings, Settings, migrate};

/// Accounts and sessions
#[derive(Debug, Parser)]
#[command(name = "auth", version)]
pub enum Command {
    /// Serve (what happens without a subcommand)
    Serve(Box<Settings>),
    /// Create indexes and queues, take over documents of the predecessor
    Migrate(Box<MigrateSettings>),
    /// Check the settings and whether every dependency answers
    Check(Box<Settings>),
    /// Ask a running service whether it is ready
    Healthcheck(LifecycleSettings),
    /// Print a fresh key for signing access tokens (PKCS #8 PEM)
    GenerateKey,
}

/// Runs one command of the `auth` process to its end.
pub async fn execute(command: Command, shutdown: Shutdown) -> anyhow::Result<()> {
    match command {
        Command::Serve(settings) => {
            let telemetry = Telemetry::init("auth", &settings.telemetry)?;
            let metrics = telemetry.render_metrics();
            let app = App::build(*settings, shutdown, Arc::new(SystemClock), metrics).await?;
            let ended = app.run().await;
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
        Command::GenerateKey => {
            let pem = tokens::generate_key_pem()?;
            io::stdout().write_all(pem.expose_secret().as_bytes())?;
            Ok(())
        }
    }
}

async fn check(settings: &Settings) -> anyhow::Result<()> {
    tokens::Signer::from_pem(&settings.token_signing_key)?;
    let store = store::Store::connect(&settings.mongo, "auth").await?;
    store.ping().await.context("mongodb does not answer")?;
    let cache = cache::Cache::connect(&settings.redis)?;
    cache.ping().await.context("redis does not answer")?;
    let publisher = bus::Publisher::new(&settings.amqp, "auth check");
    publisher.ping().await.context("rabbitmq does not answer")?;
    writeln!(io::stdout(), "ok")?;
    Ok(())
}
