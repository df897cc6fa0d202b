use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector},
    trace::TraceContextExt,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The headers of W3C trace context, lowercase.
const TRACE_HEADERS: [&str; 2] = ["traceparent", "tracestate"];

struct Reader<'a>(&'a dyn Fn(&str) -> Option<&'a str>);

impl Extractor for Reader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (self.0)(key)
    }

    fn keys(&self) -> Vec<&str> {
        TRACE_HEADERS.to_vec()
    }
}

struct Writer<'a>(&'a mut dyn FnMut(&str, String));

impl Injector for Writer<'_> {
    fn set(&mut self, key: &str, value: String) {
        (self.0)(key, value);
    }
}

/// Makes `span` a child of the trace context that `header` finds, if there is one.
///
/// Closures, because HTTP servers, gRPC and AMQP each have their own map type.
pub fn adopt_parent<'a>(span: &Span, header: &'a dyn Fn(&str) -> Option<&'a str>) {
    if span.is_disabled() {
        return;
    }
    let context = global::get_text_map_propagator(|propagator| propagator.extract(&Reader(header)));
    // Fails only for a span that no trace layer watches, which needs no parent.
    let _ = span.set_parent(context);
}

/// Makes `span` point to the trace context that `header` finds, if there is
/// one: for work on behalf of several traces at a time. The SDK keeps the first
/// 128 links of a span.
pub fn link<'a>(span: &Span, header: &'a dyn Fn(&str) -> Option<&'a str>) {
    let context = global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &Reader(header))
    });
    span.add_link(context.span().span_context().clone());
}

/// Hands the trace context of the current span to `set`, header by header.
pub fn inject_context(mut set: impl FnMut(&str, String)) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    let context = span.context();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut Writer(&mut set));
    });
}

/// The trace id of the current span as 32 hex digits, when it is traced.
#[must_use]
pub fn current_trace_id() -> Option<String> {
    let span = Span::current();
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let span_context = span.span_context();
    span_context
        .is_valid()
        .then(|| span_context.trace_id().to_string())
}
