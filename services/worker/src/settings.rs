use std::time::Duration;

use bus::{AmqpSettings, BatchLimits};
use cache::RedisSettings;
use clap::{Args, ValueEnum, builder::RangedU64ValueParser, value_parser};
use contracts::rpc::parse_url;
use runtime::settings::{LifecycleSettings, ServiceCredentialSettings, parse_duration};
use telemetry::TelemetrySettings;

/// Everything `worker serve` needs.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// The queues that this replica drives, separated by commas
    #[arg(
        long,
        env = "QUEUES",
        value_enum,
        value_delimiter = ',',
        default_value = "likes-queue,feed-updates-queue"
    )]
    pub queues: Vec<QueueName>,
    /// Where posts answers gRPC, as `http://host:port`
    #[arg(long, env = "POSTS_GRPC_URL", value_parser = parse_url)]
    pub posts_grpc_url: String,
    /// How long posts may take for a batch or a page of followers; longer than its own limits, so that it is the one to say what happened
    #[arg(long, env = "POSTS_TIMEOUT", default_value = "15s", value_parser = parse_duration)]
    pub posts_timeout: Duration,
    /// Most jobs in a batch, 1 to 1,000
    #[arg(long, env = "BATCH_JOBS", default_value_t = 500, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    pub batch_jobs: usize,
    /// How long a batch that is not full waits for more
    #[arg(long, env = "BATCH_WAIT", default_value = "5ms", value_parser = parse_duration)]
    pub batch_wait: Duration,
    /// Feed updates that are worked on at the same time, 1 to 64
    #[arg(long, env = "FEED_UPDATES_AT_ONCE", default_value_t = 4, value_parser = value_parser!(u16).range(1..=64))]
    pub feed_updates_at_once: u16,
    /// RabbitMQ
    #[command(flatten)]
    pub amqp: AmqpSettings,
    /// Redis
    #[command(flatten)]
    pub redis: RedisSettings,
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

impl Settings {
    pub(crate) fn batch_limits(&self) -> BatchLimits {
        BatchLimits {
            jobs: self.batch_jobs,
            wait: self.batch_wait,
        }
    }
}

/// A queue that a worker can drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum QueueName {
    /// Likes on their way to the owners of what is liked
    #[value(name = "likes-queue")]
    Likes,
    /// What concerns the feeds of the followers of an author
    #[value(name = "feed-updates-queue")]
    FeedUpdates,
}
