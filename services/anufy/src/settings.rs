use std::{path::PathBuf, time::Duration};

use bus::AmqpSettings;
use clap::{Args, ValueHint};
use contracts::rpc::parse_url;
use runtime::settings::{ServiceCredentialSettings, parse_duration};

/// Where the owner of accounts is.
#[derive(Clone, Debug, Args)]
pub struct AuthSettings {
    /// Where auth answers gRPC, as `http://host:port`
    #[arg(long, env = "AUTH_GRPC_URL", value_parser = parse_url)]
    pub auth_grpc_url: String,
    /// The credential of the deployment
    #[command(flatten)]
    pub credential: ServiceCredentialSettings,
}

/// Where the owners of the data are.
#[derive(Clone, Debug, Args)]
pub struct OwnerSettings {
    /// auth
    #[command(flatten)]
    pub auth: AuthSettings,
    /// Where posts answers gRPC, as `http://host:port`
    #[arg(long, env = "POSTS_GRPC_URL", value_parser = parse_url)]
    pub posts_grpc_url: String,
}

/// Everything `anufy admin create` needs.
#[derive(Clone, Debug, Args)]
pub struct AdminSettings {
    /// E-mail address of the administrator
    #[arg(long)]
    pub email: String,
    /// Username of the administrator
    #[arg(long)]
    pub username: String,
    /// Name of the administrator, as it is shown
    #[arg(long)]
    pub full_name: String,
    /// File that the password is in; without it, it is asked for, or read from standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// The owner of accounts
    #[command(flatten)]
    pub auth: AuthSettings,
}

/// Everything `anufy verify counters` needs.
#[derive(Clone, Debug, Args)]
pub struct CountersSettings {
    /// Correct what is wrong
    #[arg(long)]
    pub repair: bool,
    /// How long a copy may stay behind its original before it counts as wrong
    #[arg(long, env = "SETTLE_TIME", default_value = "10s", value_parser = parse_duration)]
    pub settle_time: Duration,
    /// The owners
    #[command(flatten)]
    pub owners: OwnerSettings,
}

/// Everything `anufy dlq list` needs.
#[derive(Clone, Debug, Args)]
pub struct DlqListSettings {
    /// Most dead letters to show
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
    /// The broker
    #[command(flatten)]
    pub amqp: AmqpSettings,
}

/// Everything `anufy dlq retry` and `anufy dlq drop` need.
#[derive(Clone, Debug, Args)]
pub struct DlqSettings {
    /// The dead letters that the command is about
    #[command(flatten)]
    pub chosen: Chosen,
    /// The broker
    #[command(flatten)]
    pub amqp: AmqpSettings,
}

/// A choice of dead letters.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Chosen {
    /// Ids, as `anufy dlq list` shows them
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// All that are there when the command begins
    #[arg(long)]
    pub all: bool,
}
