use std::{path::PathBuf, time::Duration};

use clap::Args;
use runtime::settings::parse_duration;
use secrecy::SecretString;

/// How MongoDB is reached.
#[derive(Clone, Debug, Args)]
pub struct MongoSettings {
    /// MongoDB (a replica set), as `mongodb://…` or `mongodb+srv://…` (also `MONGODB_URI_FILE`)
    #[arg(long, env = "MONGODB_URI", hide_env_values = true, value_parser = parse_uri)]
    pub mongodb_uri: SecretString,
    /// The database of this service
    #[arg(long, env = "MONGODB_DATABASE", default_value = "anufy")]
    pub mongodb_database: String,
    /// How long an operation may take, an election included, before it counts as failed
    #[arg(long, env = "MONGODB_TIMEOUT", default_value = "10s", value_parser = parse_duration)]
    pub mongodb_timeout: Duration,
    /// Most connections of one process
    #[arg(long, env = "MONGODB_POOL_SIZE", default_value_t = 64)]
    pub mongodb_pool_size: u32,
    /// Write the shape of every MongoDB command, once each and without values, to this file: for reviewing indexes
    #[arg(long, env = "MONGODB_COMMAND_LOG")]
    pub mongodb_command_log: Option<PathBuf>,
}

fn parse_uri(text: &str) -> Result<SecretString, String> {
    if text.starts_with("mongodb://") || text.starts_with("mongodb+srv://") {
        Ok(SecretString::from(text))
    } else {
        Err("must be a mongodb:// or mongodb+srv:// address".to_owned())
    }
}
