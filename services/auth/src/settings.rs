use std::{net::SocketAddr, time::Duration};

use bus::AmqpSettings;
use cache::RedisSettings;
use clap::Args;
use contracts::rpc::parse_url;
use lettre::message::Mailbox;
use runtime::settings::{LifecycleSettings, ServiceCredentialSettings, parse_duration};
use secrecy::SecretString;
use store::MongoSettings;
use telemetry::TelemetrySettings;
use url::Url;

use crate::mail::parse_mail_url;

/// Everything `auth serve` needs.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// Address of the HTTP API, for the gateway
    #[arg(long, env = "HTTP_ADDR", default_value = "127.0.0.1:8090")]
    pub http_addr: SocketAddr,
    /// Address of the gRPC API, for the other services
    #[arg(long, env = "GRPC_ADDR", default_value = "127.0.0.1:8091")]
    pub grpc_addr: SocketAddr,
    /// Ed25519 private key that signs access tokens, PKCS #8 PEM (also `TOKEN_SIGNING_KEY_FILE`)
    #[arg(long, env = "TOKEN_SIGNING_KEY", hide_env_values = true, value_parser = parse_key)]
    pub token_signing_key: SecretString,
    /// How long an access token and its session last
    #[arg(long, env = "TOKEN_LIFETIME", default_value = "90days", value_parser = parse_duration)]
    pub token_lifetime: Duration,
    /// Youngest age for an account, in full years
    #[arg(long, env = "MINIMUM_AGE", default_value_t = 13)]
    pub minimum_age: i16,
    /// Passwords hashed at the same time; 0: one per core
    #[arg(long, env = "PASSWORD_CONCURRENCY", default_value_t = 0)]
    pub password_concurrency: usize,
    /// How long a login may wait for its turn to hash before it is told to come back
    #[arg(long, env = "PASSWORD_WAIT", default_value = "5s", value_parser = parse_duration)]
    pub password_wait: Duration,
    /// Every failed login takes at least this long, whatever the reason
    #[arg(long, env = "LOGIN_FAILURE_TIME", default_value = "400ms", value_parser = parse_duration)]
    pub login_failure_time: Duration,
    /// Logins of one e-mail address in 15 minutes before one succeeds
    #[arg(long, env = "LOGIN_ATTEMPTS", default_value_t = 20)]
    pub login_attempts: u32,
    /// Failed logins and guesses of one IPv4 address or IPv6 /56 in 15 minutes
    #[arg(long, env = "ADDRESS_FAILURES", default_value_t = 100)]
    pub address_failures: u32,
    /// Mails that one account or e-mail address may be sent in an hour because somebody asks for them
    #[arg(long, env = "MAIL_REQUESTS", default_value_t = 5)]
    pub mail_requests: u32,
    /// Password resets that one IPv4 address or IPv6 /56 may ask for in an hour
    #[arg(long, env = "ADDRESS_MAIL_REQUESTS", default_value_t = 30)]
    pub address_mail_requests: u32,
    /// How long a deleted account can be had back; then it is erased
    #[arg(long, env = "DELETION_GRACE", default_value = "30days", value_parser = parse_duration)]
    pub deletion_grace: Duration,
    /// The mail server, `smtps://user:password@host` or `smtp://host:port`, or `file:///folder` to write mails to files (also `MAIL_URL_FILE`)
    #[arg(long, env = "MAIL_URL", hide_env_values = true, value_parser = parse_mail_url)]
    pub mail_url: SecretString,
    /// Whom mails are from, `Name <address>`
    #[arg(long, env = "MAIL_FROM")]
    pub mail_from: Mailbox,
    /// Where the app is on the web: links in mails lead there
    #[arg(long, env = "APP_URL")]
    pub app_url: Url,
    /// Most accounts that one account may follow or ask to follow
    #[arg(long, env = "FOLLOWING_LIMIT", default_value_t = 7_500)]
    pub following_limit: u32,
    /// Where posts answers gRPC, as `http://host:port`
    #[arg(long, env = "POSTS_GRPC_URL", value_parser = parse_url)]
    pub posts_grpc_url: String,
    /// How long posts may take for an answer
    #[arg(long, env = "POSTS_TIMEOUT", default_value = "2s", value_parser = parse_duration)]
    pub posts_timeout: Duration,
    /// Most reports of one account in a day
    #[arg(long, env = "REPORT_LIMIT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub report_limit: u32,
    /// MongoDB
    #[command(flatten)]
    pub mongo: MongoSettings,
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

/// Everything `auth migrate` needs.
#[derive(Clone, Debug, Args)]
pub struct MigrateSettings {
    /// MongoDB
    #[command(flatten)]
    pub mongo: MongoSettings,
    /// RabbitMQ
    #[command(flatten)]
    pub amqp: AmqpSettings,
    /// Report on every account, not only on those that are not complete yet
    #[arg(long)]
    pub examine_all: bool,
}

fn parse_key(text: &str) -> Result<SecretString, tokens::InvalidKey> {
    let key = SecretString::from(text);
    tokens::Signer::from_pem(&key)?;
    Ok(key)
}
