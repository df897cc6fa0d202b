use clap::Args;
use runtime::settings::LogFormat;

/// What a service tells about itself, and where.
#[derive(Clone, Debug, Args)]
pub struct TelemetrySettings {
    /// Log filter: a level, or `target=level` pairs separated by commas
    #[arg(long, env = "LOG", default_value = "info")]
    pub log: String,
    /// How log lines look
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: LogFormat,
    /// OTLP (gRPC) endpoint for traces, such as <http://collector:4317>; none: no traces
    #[arg(long = "otlp-endpoint", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
}
