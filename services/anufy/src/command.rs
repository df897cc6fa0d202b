use std::io::{self, Write};

use anyhow::ensure;
use clap::{Parser, Subcommand};
use runtime::Shutdown;

use crate::{CountersSettings, verify::Counters};

/// The operator's hand on a running deployment
#[derive(Debug, Parser)]
#[command(name = "anufy", version)]
pub enum Command {
    /// Compare what is stored with what it was made from
    #[command(subcommand)]
    Verify(Verify),
}

/// What can be verified.
#[derive(Debug, Subcommand)]
pub enum Verify {
    /// Every counter with what it counts; exit status 1 if one is wrong and was not repaired
    Counters(Box<CountersSettings>),
}

/// Runs one command to its end.
pub async fn execute(command: Command, shutdown: Shutdown) -> anyhow::Result<()> {
    let Command::Verify(Verify::Counters(settings)) = command;
    let verifying = Counters::connect(&settings)?.verify();
    let report = tokio::select! {
        report = verifying => report?,
        () = shutdown.draining() => anyhow::bail!("interrupted"),
    };
    write!(io::stdout(), "{report}")?;
    ensure!(report.is_right(), "counters are wrong");
    Ok(())
}
