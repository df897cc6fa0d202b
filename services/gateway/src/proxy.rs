//! Forwarding: a checked request becomes a service's, its answer the client's.

use std::sync::Arc;

use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version,
    header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST},
    uri::PathAndQuery,
};
use http_body_util::Empty;
use hyper::body::Incoming;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    affinity::Affinity,
    body::{BodyLimits, RequestBody, ResponseBody},
    headers::{Origin, clean_answer},
    problem::Code,
    record::Record,
    routes::Service,
    tunnel,
    upstream::{SendError, ServiceSide, Upgrade, Upstreams},
    workers::WorkerIndex,
};

/// The services, and what is said to them.
pub(crate) struct Proxy {
    upstreams: Arc<Upstreams>,
    limits: BodyLimits,
    credential: (HeaderName, HeaderValue),
}

/// Where a request goes, and over whose connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination<'a> {
    pub(crate) service: Service,
    /// Normalised.
    pub(crate) path: &'a str,
    pub(crate) affinity: Affinity<'a>,
    pub(crate) worker: WorkerIndex,
    /// Whether the peer is a trusted proxy, whose `X-Forwarded-Proto` counts.
    pub(crate) is_peer_trusted: bool,
}

impl Proxy {
    pub(crate) fn new(
        upstreams: Arc<Upstreams>,
        limits: BodyLimits,
        credential: &SecretString,
    ) -> anyhow::Result<Self> {
        let mut value = HeaderValue::from_str(credential.expose_secret())?;
        value.set_sensitive(true);
        Ok(Self {
            upstreams,
            limits,
            credential: (
                HeaderName::from_static(contracts::rpc::CREDENTIAL_HEADER),
                value,
            ),
        })
    }

    /// Refuses a body that says itself that it is too large.
    pub(crate) fn check_length(&self, request: &Request<Incoming>) -> Result<(), Code> {
        let said = request.headers().get(CONTENT_LENGTH);
        let length = said.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > self.limits.max_bytes) {
            return Err(Code::PayloadTooLarge);
        }
        Ok(())
    }

    /// Sends `request` to where it belongs.
    pub(crate) async fn forward(
        &self,
        request: Request<Incoming>,
        destination: Destination<'_>,
        record: &mut Record,
    ) -> Result<Response<ResponseBody>, Code> {
        let (outgoing, body) = self.outgoing(request, destination, record)?;
        let (body, progress) = RequestBody::new(body, self.limits);
        let outgoing = outgoing.map(|()| body);

        let Destination {
            service,
            affinity,
            worker,
            ..
        } = destination;
        let upstream = self.upstreams.of(service);
        let sent = upstream.send(outgoing, &progress, affinity, worker).await;
        let (response, lease) = match sent {
            Ok(answer) => answer,
            Err(error) => {
                return Err(match progress.fault() {
                    Some(fault) => fault.into(),
                    None => explain(service, &error),
                });
            }
        };
        let (mut parts, incoming) = response.into_parts();
        // Nobody asked for another protocol.
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Code::BadGateway);
        }
        clean_answer(&mut parts.headers);
        // The rest of the body is in the way of the next request.
        if !progress.is_complete() {
            parts
                .headers
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let body = ResponseBody::from_service(incoming, lease, upstream.patience());
        let mut response = Response::new(body);
        *response.status_mut() = parts.status;
        *response.headers_mut() = parts.headers;
        Ok(response)
    }

    /// Asks a service to speak WebSocket. Its refusal is an answer like any other.
    pub(crate) async fn upgrade(
        &self,
        request: Request<Incoming>,
        destination: Destination<'_>,
        record: &mut Record,
    ) -> Result<(Response<ResponseBody>, Option<ServiceSide>), Code> {
        let (mut outgoing, _) = self.outgoing(request, destination, record)?;
        tunnel::mark_switch(outgoing.headers_mut());
        let outgoing = outgoing.map(|()| Empty::new());
        let Destination {
            service, affinity, ..
        } = destination;
        let upgrade = self.upstreams.of(service).upgrade(outgoing, affinity).await;
        let (mut answer, side) = match upgrade.map_err(|error| explain(service, &error))? {
            Upgrade::Refused(answer) => (answer.map(ResponseBody::from), None),
            Upgrade::Switched(answer, side) => {
                if !tunnel::is_switch_to_websocket(answer.headers()) {
                    return Err(Code::BadGateway);
                }
                (answer.map(|()| ResponseBody::empty()), Some(side))
            }
        };
        clean_answer(answer.headers_mut());
        if side.is_some() {
            tunnel::mark_switch(answer.headers_mut());
        }
        Ok((answer, side))
    }

    /// Makes a client's request into the one that the service is to get, apart
    /// from its body. hyper's upgrade handle stays behind: it would keep the
    /// connection's task from ending.
    fn outgoing(
        &self,
        mut request: Request<Incoming>,
        destination: Destination<'_>,
        record: &mut Record,
    ) -> Result<(Request<()>, Incoming), Code> {
        let Destination {
            service,
            path,
            is_peer_trusted,
            ..
        } = destination;
        record.upstream = Some(service.name());
        let request_id = HeaderValue::from_str(record.request_id()).or(Err(Code::BadRequest))?;
        Origin {
            client: record.client(),
            is_peer_trusted,
            request_id: &request_id,
            credential: &self.credential,
        }
        .prepare(request.headers_mut());
        *request.uri_mut() = target(path, request.uri().query())?;
        *request.version_mut() = Version::HTTP_11;
        // An HTTP/1.0 client may not have said; HTTP/1.1 must.
        request
            .headers_mut()
            .entry(HOST)
            .or_insert(HeaderValue::from_static(service.name()));
        if let Some(token) = request.headers_mut().get_mut(AUTHORIZATION) {
            token.set_sensitive(true);
        }
        inject_trace(&mut request);
        let (parts, body) = request.into_parts();
        let mut outgoing = Request::new(());
        *outgoing.method_mut() = parts.method;
        *outgoing.uri_mut() = parts.uri;
        *outgoing.headers_mut() = parts.headers;
        Ok((outgoing, body))
    }
}

fn target(path: &str, query: Option<&str>) -> Result<Uri, Code> {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let target = PathAndQuery::from_maybe_shared(target).or(Err(Code::InvalidPath))?;
    Ok(Uri::from(target))
}

/// Passes the trace on, with this request's span as the parent. When nothing
/// is traced here, what the client sent stays.
fn inject_trace(request: &mut Request<Incoming>) {
    telemetry::inject_context(|name, value| {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            request.headers_mut().insert(name, value);
        }
    });
}

fn explain(service: Service, error: &SendError) -> Code {
    let code = match error {
        SendError::Unreachable => Code::UpstreamUnavailable,
        SendError::TimedOut => Code::UpstreamTimeout,
        SendError::Failed(_) | SendError::Refusal(_) => Code::BadGateway,
    };
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(upstream = service.name(), code = code.row().code, %error, cause, "cannot forward");
    code
}
