use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use cache::RedisSettings;
use clap::{Args, builder::RangedU64ValueParser};
use contracts::rpc::parse_url;
use http::HeaderName;
use runtime::settings::{LifecycleSettings, ServiceCredentialSettings, parse_duration};
use socketio::Config;
use telemetry::TelemetrySettings;

/// The header in which the gateway names the replica that it has chosen.
const REPLICA: HeaderName = HeaderName::from_static("x-anufy-replica");

/// Everything `realtime serve` needs.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// Address of the Socket.IO server, for the gateway
    #[arg(long, env = "HTTP_ADDR", default_value = "127.0.0.1:8120")]
    pub http_addr: SocketAddr,
    /// Address of the gRPC API, for the other services
    #[arg(long, env = "GRPC_ADDR", default_value = "127.0.0.1:8121")]
    pub grpc_addr: SocketAddr,
    /// Where auth answers gRPC, as `http://host:port`
    #[arg(long, env = "AUTH_GRPC_URL", value_parser = parse_url)]
    pub auth_grpc_url: String,
    /// How long auth may take for an answer
    #[arg(long, env = "AUTH_TIMEOUT", default_value = "2s", value_parser = parse_duration)]
    pub auth_timeout: Duration,
    /// Most clients at a time; each needs a file
    #[arg(long, env = "MAX_SESSIONS", default_value_t = 18_000, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub max_sessions: usize,
    /// Between two heartbeats of a client
    #[arg(long, env = "PING_INTERVAL", default_value = "25s", value_parser = parse_duration)]
    pub ping_interval: Duration,
    /// How long a client may take to answer a heartbeat
    #[arg(long, env = "PING_TIMEOUT", default_value = "20s", value_parser = parse_duration)]
    pub ping_timeout: Duration,
    /// How long a client may take from its first request until it shows who it is
    #[arg(long, env = "CONNECT_TIMEOUT", default_value = "15s", value_parser = parse_duration)]
    pub connect_timeout: Duration,
    /// Longest message of a client, in bytes
    #[arg(long, env = "MAX_PAYLOAD_BYTES", default_value_t = 1_000_000, value_parser = RangedU64ValueParser::<usize>::new().range(1_024..=16_000_000))]
    pub max_payload_bytes: usize,
    /// Most bytes that wait for one client; more, and it is cut off
    #[arg(long, env = "MAX_WAITING_BYTES", default_value_t = 4 << 20, value_parser = RangedU64ValueParser::<usize>::new().range(65_536..))]
    pub max_waiting_bytes: usize,
    /// Events that a client may send in a second, in the long run
    #[arg(long, env = "EVENT_RATE", default_value = "20")]
    pub event_rate: NonZeroU32,
    /// Events that a client may send at once after a rest
    #[arg(long, env = "EVENT_BURST", default_value = "100")]
    pub event_burst: NonZeroU32,
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
    pub(crate) fn socketio(&self) -> Config {
        Config {
            ping_interval: self.ping_interval,
            ping_timeout: self.ping_timeout,
            connect_timeout: self.connect_timeout,
            max_payload: self.max_payload_bytes,
            max_sessions: self.max_sessions,
            outbox_bytes: self.max_waiting_bytes,
            sid_prefix_header: Some(REPLICA),
            ..Config::default()
        }
    }
}
