//! The settings of the gateway.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use cache::RedisSettings;
use clap::Args;
use contracts::rpc::{parse_authority, parse_url};
use runtime::settings::{LifecycleSettings, ServiceCredentialSettings, parse_duration};
use secrecy::SecretString;
use telemetry::TelemetrySettings;

use crate::{
    client_address::TrustedProxies, cors::AllowedOrigins, rate_limit::PolicyName, routes::Service,
};

/// Everything that can be set, with defaults for production.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// Address of the public port
    #[arg(long, env = "HTTP_ADDR", default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,
    /// Where auth answers HTTP: one or more `http://host:port`, separated by commas
    #[arg(long, env = "AUTH_URL")]
    pub auth_url: UpstreamUrls,
    /// Where auth answers gRPC, as `http://host:port`
    #[arg(long, env = "AUTH_GRPC_URL", value_parser = parse_url)]
    pub auth_grpc_url: String,
    /// Where posts answers HTTP, in the same form
    #[arg(long, env = "POSTS_URL")]
    pub posts_url: UpstreamUrls,
    /// Where realtime answers HTTP and takes sockets, in the same form
    #[arg(long, env = "REALTIME_URL")]
    pub realtime_url: UpstreamUrls,
    /// Secret that the predecessor's HS256 tokens are signed with; without it they are refused (also `PREDECESSOR_TOKEN_SECRET_FILE`)
    #[arg(long, env = "PREDECESSOR_TOKEN_SECRET", hide_env_values = true)]
    pub predecessor_token_secret: Option<SecretString>,
    /// How many requests a client may make
    #[arg(
        long,
        env = "RATE_LIMIT_POLICY",
        value_enum,
        default_value = "production"
    )]
    pub rate_limit_policy: PolicyName,
    /// Networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, separated by commas
    #[arg(
        long,
        env = "TRUSTED_PROXIES",
        default_value = "",
        hide_default_value = true
    )]
    pub trusted_proxies: TrustedProxies,
    /// Origins whose pages may call the API, such as <https://app.example>, separated by commas
    #[arg(
        long,
        env = "CORS_ORIGINS",
        default_value = "",
        hide_default_value = true
    )]
    pub cors_origins: AllowedOrigins,
    /// Client connections at a time; each needs up to two files
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 8000, value_parser = parse_count)]
    pub max_connections: usize,
    /// Sockets (WebSocket tunnels) of one client address at a time
    #[arg(long, env = "MAX_TUNNELS_PER_CLIENT", default_value_t = 200, value_parser = parse_count)]
    pub max_tunnels_per_client: usize,
    /// Longest request head, in bytes
    #[arg(long, env = "MAX_HEADER_BYTES", default_value_t = 32 * 1024, value_parser = parse_header_bytes)]
    pub max_header_bytes: usize,
    /// Most headers of a request
    #[arg(long, env = "MAX_HEADERS", default_value_t = 100, value_parser = parse_count)]
    pub max_headers: usize,
    /// Longest request body, in bytes
    #[arg(long, env = "MAX_BODY_BYTES", default_value_t = 1024 * 1024)]
    pub max_body_bytes: u64,
    /// How long a request head may take from its first byte, and the first one from the connect
    #[arg(long, env = "HEADER_TIMEOUT", default_value = "10s", value_parser = parse_duration)]
    pub header_timeout: Duration,
    /// How long a connection may rest between two requests
    #[arg(long, env = "IDLE_TIMEOUT", default_value = "75s", value_parser = parse_duration)]
    pub idle_timeout: Duration,
    /// How long a tunnel may be silent both ways; heartbeats must come sooner
    #[arg(long, env = "TUNNEL_IDLE_TIMEOUT", default_value = "90s", value_parser = parse_duration)]
    pub tunnel_idle_timeout: Duration,
    /// Slowest request body, in bytes a second over the time spent waiting for it
    #[arg(long, env = "MIN_BODY_RATE", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub min_body_rate: u32,
    /// How long a request body may fall behind that rate
    #[arg(long, env = "BODY_GRACE", default_value = "10s", value_parser = parse_duration)]
    pub body_grace: Duration,
    /// How long a client may take nothing of its answer, and either side of a tunnel nothing of what the other sends
    #[arg(long, env = "WRITE_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    pub write_timeout: Duration,
    /// How long a connection to a service may take to open
    #[arg(long, env = "UPSTREAM_CONNECT_TIMEOUT", default_value = "1s", value_parser = parse_duration)]
    pub upstream_connect_timeout: Duration,
    /// How long a service may stay silent, before its answer and within it
    #[arg(long, env = "UPSTREAM_RESPONSE_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    pub upstream_response_timeout: Duration,
    /// How Redis is reached
    #[command(flatten)]
    pub redis: RedisSettings,
    /// The secret between services
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
    /// Where a service answers HTTP.
    pub(crate) fn urls_of(&self, service: Service) -> &UpstreamUrls {
        match service {
            Service::Auth => &self.auth_url,
            Service::Posts => &self.posts_url,
            Service::Realtime => &self.realtime_url,
        }
    }
}

/// The addresses of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrls(Vec<String>);

impl UpstreamUrls {
    /// Each as `host:port`, to be resolved.
    #[must_use]
    pub fn authorities(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for UpstreamUrls {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let authorities: Vec<String> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(parse_authority)
            .collect::<Result<_, _>>()?;
        if authorities.is_empty() {
            return Err("needs at least one address".to_owned());
        }
        Ok(Self(authorities))
    }
}

fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(error.to_string()),
    }
}

/// The head parser takes targets of up to 64 KiB, so that a longer head could
/// not be told apart from a broken one.
fn parse_header_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 1024..=65_000) => Ok(bytes),
        Ok(_) => Err("must be from 1024 to 65000".to_owned()),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_are_a_list_of_hosts_and_ports() {
        let urls: UpstreamUrls = "http://auth-0:81, http://[::1]:82,".parse().unwrap();
        assert_eq!(urls.authorities(), ["auth-0:81", "[::1]:82"]);
    }

    #[test]
    fn what_is_not_an_upstream_is_refused() {
        for text in [
            "",
            ",",
            "auth:81",
            "https://auth:81",
            "http://auth",
            "http://auth:81/api",
            "http://auth:81/?a",
        ] {
            assert!(text.parse::<UpstreamUrls>().is_err(), "{text}");
        }
    }
}
