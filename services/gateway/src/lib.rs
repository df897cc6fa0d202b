#![doc = include_str!("../README.md")]

mod admission;
mod affinity;
mod app;
mod body;
mod client_address;
mod closing;
mod connection;
mod cors;
mod door;
mod exchange;
mod headers;
mod identity;
mod path;
mod problem;
mod proxy;
mod rate_limit;
mod record;
mod routes;
mod server;
mod sessions;
mod settings;
mod tunnel;
mod upstream;
mod wire;
mod workers;

use std::sync::Arc;

use clap::Parser;
use runtime::{Shutdown, SystemClock, admin, settings::LifecycleSettings};
use telemetry::Telemetry;

pub use app::App;
pub use client_address::TrustedProxies;
pub use cors::AllowedOrigins;
pub use problem::{Code, CodeRow};
pub use rate_limit::PolicyName;
pub use settings::{Settings, UpstreamUrls};

/// The only public door of Anufy: checks every request and hands it to the
/// service that answers it.
#[derive(Debug, Parser)]
#[command(name = "gateway", version)]
pub enum Command {
    /// Serve clients (the default)
    Serve(Box<Settings>),
    /// Ask everything the gateway depends on, and exit 0 if all of it answers
    Check(Box<Settings>),
    /// Ask the admin port of a running gateway whether it is ready
    Healthcheck(LifecycleSettings),
}

/// Does what the command line says.
pub async fn execute(command: Command, shutdown: Shutdown) -> anyhow::Result<()> {
    match command {
        Command::Serve(settings) => serve(*settings, shutdown).await,
        Command::Check(settings) => app::check(&settings).await,
        Command::Healthcheck(lifecycle) => admin::healthcheck(lifecycle.admin_addr).await,
    }
}

async fn serve(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let telemetry = Telemetry::init("gateway", &settings.telemetry)?;
    let metrics = telemetry.render_metrics();
    let served = async {
        let app = App::build(settings, shutdown, Arc::new(SystemClock), metrics).await?;
        app.run().await
    };
    let served = served.await;
    telemetry.flush().await;
    served
}
