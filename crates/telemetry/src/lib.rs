//! Logs, traces and metrics of a service, and the trace context that travels
//! between services.
//!
//! Logs go to standard error, one line each. Traces go over OTLP (gRPC) when an
//! endpoint is set, with W3C trace context in and out. Metrics are rendered in
//! Prometheus text format on the admin port.

mod labels;
mod propagation;
mod settings;

use std::{io, sync::Arc, thread, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use runtime::{admin::RenderMetrics, settings::LogFormat};
use tracing::{Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, Targets, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

pub use labels::method_label;
pub use propagation::{adopt_parent, current_trace_id, inject_context, link};
pub use settings::TelemetrySettings;

/// Upper bounds of latency histograms, in seconds.
const LATENCY_BUCKETS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Upper bounds of histograms that count things: jobs of a batch.
const COUNT_BUCKETS: [f64; 12] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0,
];

/// How long samples of histograms are kept one by one before they are counted
/// in their buckets. Without that they would be kept until somebody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Targets that say too much: actix names every worker, and the exporter
/// warns on each retry while the collector is down.
const QUIET: [&str; 4] = [
    "actix_server=warn",
    "opentelemetry=error",
    "opentelemetry_sdk=error",
    "opentelemetry_otlp=error",
];

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `LOG` is not a filter.
    #[error("the log filter cannot be read")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter refuses its settings.
    #[error("the trace exporter cannot start")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Another subscriber is installed in this process.
    #[error("logging is already set up")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
    /// Another recorder is installed in this process.
    #[error("metrics are already set up")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// There is no thread for the metrics.
    #[error("the metrics cannot be kept up")]
    Thread(#[from] io::Error),
}

/// The telemetry of a process. Keep it until the end and [`Telemetry::flush`] it.
pub struct Telemetry {
    metrics: PrometheusHandle,
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sets up logs, traces and metrics for the process. `service` is the
    /// `service.name` of its traces. Needs a Tokio runtime.
    pub fn init(
        service: &'static str,
        settings: &TelemetrySettings,
    ) -> Result<Self, TelemetryError> {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let metrics = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS)?
            .set_buckets_for_metric(Matcher::Suffix("_jobs".to_owned()), &COUNT_BUCKETS)?
            .set_buckets_for_metric(Matcher::Suffix("_per_message".to_owned()), &COUNT_BUCKETS)?
            .install_recorder()?;
        keep_up(metrics.clone())?;
        let traces = settings
            .otlp_endpoint
            .as_deref()
            .map(|endpoint| tracer_provider(service, endpoint))
            .transpose()?;

        let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
        let lines = match settings.log_format {
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
            LogFormat::Pretty => lines.with_target(false).boxed(),
        };
        let mut filter = EnvFilter::builder().parse(&settings.log)?;
        for directive in QUIET {
            filter = filter.add_directive(directive.parse()?);
        }
        // A line says what it has to say; spans are for traces.
        let mut layers = vec![lines.with_filter(filter.and(filter_fn(is_event))).boxed()];
        // Spans are exported at their own level, whatever the log filter says. No layer at all
        // without an exporter: with an empty one every span would be made and kept, for nobody.
        if let Some(provider) = &traces {
            let spans = tracing_opentelemetry::layer()
                .with_tracer(provider.tracer(service))
                .with_location(false)
                .with_threads(false)
                .with_filter(
                    Targets::new()
                        .with_default(LevelFilter::INFO)
                        .with_target("h2", LevelFilter::OFF)
                        .with_target("hyper", LevelFilter::OFF)
                        .with_target("tonic", LevelFilter::OFF)
                        .with_target("opentelemetry", LevelFilter::OFF),
                );
            layers.push(spans.boxed());
        }
        tracing_subscriber::registry().with(layers).try_init()?;
        Ok(Self { metrics, traces })
    }

    /// What the admin port calls for `/metrics`.
    #[must_use]
    pub fn render_metrics(&self) -> RenderMetrics {
        let handle = self.metrics.clone();
        Arc::new(move || {
            handle.run_upkeep();
            handle.render()
        })
    }

    /// Sends what is still buffered, for at most five seconds.
    pub async fn flush(self) {
        let Some(traces) = self.traces else { return };
        // The exporter blocks its thread until the last batch is out.
        let flushed = tokio::task::spawn_blocking(move || {
            traces.shutdown_with_timeout(Duration::from_secs(5))
        });
        if let Ok(Err(error)) = flushed.await {
            tracing::warn!(%error, "traces were lost at the end");
        }
    }
}

/// Looks after the metrics for as long as the process lives.
fn keep_up(metrics: PrometheusHandle) -> io::Result<()> {
    let upkeep = move || {
        loop {
            thread::sleep(UPKEEP);
            metrics.run_upkeep();
        }
    };
    let thread = thread::Builder::new().name("metrics".to_owned());
    thread.spawn(upkeep).map(drop)
}

fn is_event(metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
}

fn tracer_provider(
    service: &'static str,
    endpoint: &str,
) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()?;
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.namespace", "anufy"))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build();
    global::set_tracer_provider(provider.clone());
    Ok(provider)
}
