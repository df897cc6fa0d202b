use std::{net::SocketAddr, time::Duration};

use bus::AmqpSettings;
use cache::RedisSettings;
use clap::{Args, builder::RangedU64ValueParser};
use contracts::rpc::parse_url;
use runtime::settings::{LifecycleSettings, ServiceCredentialSettings, parse_duration};
use store::MongoSettings;
use telemetry::TelemetrySettings;

/// Everything `posts serve` needs.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// Address of the HTTP API, for the gateway
    #[arg(long, env = "HTTP_ADDR", default_value = "127.0.0.1:8100")]
    pub http_addr: SocketAddr,
    /// Address of the gRPC API, for the other services
    #[arg(long, env = "GRPC_ADDR", default_value = "127.0.0.1:8101")]
    pub grpc_addr: SocketAddr,
    /// Where auth answers gRPC, as `http://host:port`
    #[arg(long, env = "AUTH_GRPC_URL", value_parser = parse_url)]
    pub auth_grpc_url: String,
    /// How long auth may take for an answer; the whole list of followed accounts may take twice as long
    #[arg(long, env = "AUTH_TIMEOUT", default_value = "2s", value_parser = parse_duration)]
    pub auth_timeout: Duration,
    /// How long it is believed that somebody may like a post; when that cannot be asked, up to a minute
    #[arg(long, env = "LIKE_CHECK_TTL", default_value = "30s", value_parser = parse_duration)]
    pub like_check_ttl: Duration,
    /// Followers up to which an author's posts are written to their feeds; those of others are merged when a feed is read. Below 80 % of it they are written again
    #[arg(long, env = "FANOUT_LIMIT", default_value_t = 10_000)]
    pub fanout_limit: u64,
    /// Posts that the timeline of an active user has in Redis, some 25 bytes each; feeds beyond are read from MongoDB. With `zset-max-listpack-entries` of Redis below a twelfth more, they take four times as much
    #[arg(long, env = "TIMELINE_LENGTH", default_value_t = 800, value_parser = RangedU64ValueParser::<usize>::new().range(4..=10_000))]
    pub timeline_length: usize,
    /// MongoDB
    #[command(flatten)]
    pub mongo: MongoSettings,
    /// Redis
    #[command(flatten)]
    pub redis: RedisSettings,
    /// RabbitMQ
    #[command(flatten)]
    pub amqp: AmqpSettings,
    /// The credential of the deployment
    #[command(flatten)]
    pub credential: ServiceCredentialSettings,
    /// Admin port and drain
    #[command(flatten)]
    pub lifecycle: LifecycleSettings,
    /// Logs and traces
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

/// Everything `posts migrate` needs.
#[derive(Clone, Debug, Args)]
pub struct MigrateSettings {
    /// MongoDB
    #[command(flatten)]
    pub mongo: MongoSettings,
    /// RabbitMQ
    #[command(flatten)]
    pub amqp: AmqpSettings,
}
