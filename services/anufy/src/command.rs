use std::io::{self, Write};

use anyhow::ensure;
use clap::{Parser, Subcommand};
use runtime::Shutdown;

use crate::{
    AdminSettings, CountersSettings, DlqListSettings, DlqSettings, admin,
    dlq::{self, Fate},
    verify::Counters,
};

/// The operator's hand on a running deployment
#[derive(Debug, Parser)]
#[command(name = "anufy", version)]
pub enum Command {
    /// Make administrators
    #[command(subcommand)]
    Admin(Admin),
    /// Compare what is stored with what it was made from
    #[command(subcommand)]
    Verify(Verify),
    /// Look through the dead letters: jobs and events that could not be handled
    #[command(subcommand)]
    Dlq(Dlq),
}

/// What can be done about administrators.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Make an account that is an administrator, or raise the one that has the e-mail address
    Create(Box<AdminSettings>),
}

/// What can be verified.
#[derive(Debug, Subcommand)]
pub enum Verify {
    /// Every counter with what it counts; exit status 1 if one is wrong and was not repaired
    Counters(Box<CountersSettings>),
}

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum Dlq {
    /// Show them, oldest first: id, queue, kind of failure, when, reason
    List(Box<DlqListSettings>),
    /// Publish some again to where they came from; exit status 1 if one is not there
    Retry(Box<DlqSettings>),
    /// Remove some for good; exit status 1 if one is not there
    Drop(Box<DlqSettings>),
}

/// Runs one command to its end.
pub async fn execute(command: Command, shutdown: Shutdown) -> anyhow::Result<()> {
    tokio::select! {
        ended = run(command) => ended,
        () = shutdown.draining() => anyhow::bail!("interrupted"),
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Admin(Admin::Create(settings)) => admin::create(&settings).await,
        Command::Verify(Verify::Counters(settings)) => {
            let report = Counters::connect(&settings)?.verify().await?;
            write!(io::stdout(), "{report}")?;
            ensure!(report.is_right(), "counters are wrong");
            Ok(())
        }
        Command::Dlq(Dlq::List(settings)) => dlq::list(&settings).await,
        Command::Dlq(Dlq::Retry(settings)) => dlq::decide(&settings, Fate::Retried).await,
        Command::Dlq(Dlq::Drop(settings)) => dlq::decide(&settings, Fate::Dropped).await,
    }
}
