use std::time::Duration;

use clap::Args;
use runtime::settings::parse_duration;
use secrecy::SecretString;

/// How Redis is reached.
#[derive(Clone, Debug, Args)]
pub struct RedisSettings {
    /// Redis, as `redis://[:password@]host:port/database` (also `REDIS_URL_FILE`)
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_parser = parse_url)]
    pub redis_url: SecretString,
    /// How long a command may take before the caller goes on without Redis
    #[arg(long, env = "REDIS_TIMEOUT", default_value = "500ms", value_parser = parse_duration)]
    pub redis_timeout: Duration,
    /// Connections for long pipelines, beside the shared one
    #[arg(long, env = "REDIS_POOL_SIZE", default_value_t = 4)]
    pub redis_pool_size: usize,
}

fn parse_url(text: &str) -> Result<SecretString, String> {
    match redis::Client::open(text) {
        Ok(_) => Ok(SecretString::from(text)),
        Err(_) => Err("must be a redis:// address".to_owned()),
    }
}
