use clap::Args;
use secrecy::SecretString;

/// How RabbitMQ is reached.
#[derive(Clone, Debug, Args)]
pub struct AmqpSettings {
    /// RabbitMQ, as `amqp://user:password@host:port/vhost` (also `AMQP_URL_FILE`)
    #[arg(long, env = "AMQP_URL", hide_env_values = true)]
    pub amqp_url: SecretString,
}
