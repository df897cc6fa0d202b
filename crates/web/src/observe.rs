//! What happens around every request of a service, in one place: credential,
//! path folding, span, problem documents, entity tags, metric, drain.

use std::{sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, StatusCode,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
};
use runtime::Readiness;
use telemetry::{adopt_parent, current_trace_id, method_label};
use tracing::{Instrument, Span, field};

use crate::{ApiError, Code, Problem, RouteInfo, credential::Gate, etag, paths::Words};

/// Where a service answers whether it takes work, without a credential.
pub(crate) const READY_PATH: &str = "/readyz";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the server knows about itself while it handles a request.
pub(crate) struct Surroundings {
    pub(crate) service: &'static str,
    pub(crate) gate: Gate,
    pub(crate) words: Words,
    pub(crate) operations: Vec<RouteInfo>,
    pub(crate) readiness: Readiness,
}

/// The operation that a request asks for.
struct OperationName {
    name: &'static str,
    path: &'static str,
}

/// No route has this path and method.
const NOTHING: OperationName = OperationName {
    name: "none",
    path: "none",
};

/// The `X-Request-Id` of a request, which the gateway sets.
struct RequestId(String);

pub(crate) async fn observe(
    surroundings: Arc<Surroundings>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.path() == READY_PATH {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let started = Instant::now();
    surroundings.words.fold(&mut request);
    let request_id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("none")
        .to_owned();
    let operation = surroundings.operation(&request);
    let span = tracing::info_span!(
        "http",
        otel.name = %format_args!("http.{}.{}", surroundings.service, operation.name),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = %request.method(),
        http.route = operation.path,
        http.response.status_code = field::Empty,
        request.id = %request_id,
        user.id = field::Empty,
    );
    {
        let headers = request.headers();
        adopt_parent(&span, &|key| headers.get(key)?.to_str().ok());
    }
    request.extensions_mut().insert(RequestId(request_id));

    let handled = span.clone();
    async move {
        let response = match surroundings.gate.check(&request) {
            Err(refusal) => request.error_response(refusal).map_into_boxed_body(),
            Ok(()) => match next.call(request).await {
                Ok(response) => response.map_into_boxed_body(),
                // Every route and the default service answer; nothing else gets here.
                Err(error) => return Err(error),
            },
        };
        Ok(surroundings.finish(response, operation.name, &handled, started))
    }
    .instrument(span)
    .await
}

impl Surroundings {
    /// What is asked for. Known before it is handled, because a span keeps the
    /// name that it had when its first child began.
    fn operation(&self, request: &ServiceRequest) -> OperationName {
        let pattern = request.match_pattern();
        self.operations
            .iter()
            .find(|info| pattern.as_deref() == Some(info.path) && info.serves(request.method()))
            .map_or(NOTHING, |info| OperationName {
                name: info.name,
                path: info.path,
            })
    }

    fn finish(
        &self,
        response: ServiceResponse<BoxBody>,
        operation: &'static str,
        span: &Span,
        started: Instant,
    ) -> ServiceResponse<BoxBody> {
        let (request, response) = response.into_parts();
        let mut response =
            if response.status().is_client_error() || response.status().is_server_error() {
                explain(&request, &response)
            } else {
                etag::apply(request.method(), request.headers(), response)
            };
        if !self.readiness.is_ready() {
            response
                .head_mut()
                .set_connection_type(ConnectionType::Close);
        }
        if let Some(RequestId(id)) = request.extensions().get()
            && let Ok(id) = HeaderValue::from_str(id)
        {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        self.record(&request, response.status(), operation, span, started);
        ServiceResponse::new(request, response)
    }

    fn record(
        &self,
        request: &HttpRequest,
        status: StatusCode,
        operation: &'static str,
        span: &Span,
        started: Instant,
    ) {
        let method = method_label(request.method().as_str());
        span.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
        let elapsed = started.elapsed();
        metrics::histogram!(
            "http_server_duration_seconds",
            "service" => self.service,
            "operation" => operation,
            "method" => method,
            "status" => status.as_u16().to_string(),
        )
        .record(elapsed);
        tracing::info!(
            operation,
            method,
            status = status.as_u16(),
            duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            request_id = request
                .extensions()
                .get::<RequestId>()
                .map_or("", |RequestId(id)| id.as_str()),
            trace_id = current_trace_id(),
            "request"
        );
    }
}

/// Gives a refusal its problem document.
fn explain(request: &HttpRequest, response: &HttpResponse) -> HttpResponse {
    let foreign;
    let error = if let Some(Some(error)) = response.error().map(Error::as_error::<ApiError>) {
        error
    } else {
        // An answer that a handler built itself, or an extractor of actix's own.
        foreign = foreign_refusal(response.status());
        &foreign
    };
    error.log();
    let ApiError(refusal) = error;
    let mut builder = HttpResponseBuilder::new(refusal.status);
    for (name, value) in &refusal.headers {
        builder.insert_header((name.clone(), value.clone()));
    }
    let extensions = request.extensions();
    let request_id = extensions
        .get::<RequestId>()
        .map_or("", |RequestId(id)| id.as_str());
    Problem {
        r#type: "about:blank",
        title: refusal.title,
        status: refusal.status.as_u16(),
        code: refusal.code,
        detail: refusal.detail,
        instance: request.path(),
        request_id,
        errors: &refusal.fields,
    }
    .respond(builder)
}

fn foreign_refusal(status: StatusCode) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => ApiError::of(Code::NotFound),
        status if status.is_client_error() => ApiError::of(Code::BadRequest),
        _ => ApiError::of(Code::Internal),
    }
}
