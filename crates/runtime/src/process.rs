use std::{
    ffi::OsString,
    future::Future,
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Shutdown,
    settings::{self, SettingsError},
};

/// Exit status for a command line or environment that cannot be used
/// (`EX_USAGE` of `sysexits.h`).
const BAD_SETTINGS: u8 = 64;
/// The subcommand of a service that needs no name.
const SERVE: &str = "serve";

/// Runs a service from its command line to its exit status.
///
/// Without a subcommand, `serve` is meant, if there is one. Exits 0 after a drain, 64 when the
/// settings are wrong (all faults on standard error, no port opened), and 1
/// for everything else. The first `SIGTERM` or `SIGINT` begins the drain, the
/// second stops at once.
pub fn main<C, F, R>(execute: F) -> ExitCode
where
    C: CommandFactory + FromArgMatches,
    F: FnOnce(C, Shutdown) -> R,
    R: Future<Output = anyhow::Result<()>>,
{
    let serves = C::command().find_subcommand(SERVE).is_some();
    let arguments = std::env::args_os();
    let arguments = if serves {
        with_default_subcommand(arguments)
    } else {
        arguments.collect()
    };
    let command = match settings::parse::<C>(arguments) {
        Ok(command) => command,
        Err(SettingsError::Help(text)) => {
            let _ = io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(faults) => {
            let _ = write!(io::stderr(), "settings cannot be used:\n{faults}");
            return ExitCode::from(BAD_SETTINGS);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(io::stderr(), "cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let shutdown = Shutdown::new();
    let result = runtime.block_on(async {
        watch_signals(&shutdown)?;
        execute(command, shutdown.clone()).await
    });
    // Blocking tasks (a password being hashed) must not delay the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn with_default_subcommand(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let is_bare = match arguments.get(1).map(|first| first.to_string_lossy()) {
        None => true,
        Some(first) => {
            first.starts_with('-') && !matches!(&*first, "--help" | "-h" | "--version" | "-V")
        }
    };
    if is_bare {
        arguments.insert(1.min(arguments.len()), SERVE.into());
    }
    arguments
}

fn watch_signals(shutdown: &Shutdown) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = shutdown.clone();
    // Outlives the drain on purpose, so it cannot be a tracked task.
    tokio::spawn(async move {
        for act in [Shutdown::begin_drain, Shutdown::stop_now] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "signal received");
            act(&shutdown);
        }
    });
    Ok(())
}
