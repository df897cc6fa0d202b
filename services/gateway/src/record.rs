//! What is kept of a request: one log line, one span, one measurement.

use std::{net::IpAddr, time::Instant};

use domain::UserId;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use metrics::{Gauge, gauge, histogram};
use telemetry::{adopt_parent, current_trace_id, method_label};
use tracing::{Span, field};

use crate::{
    body::Attendant,
    tunnel::{Ending, Open, TunnelRecord},
    wire::InFlightGuard,
};

/// In place of a status when the client went before there was one, as in nginx's logs.
const CLIENT_GONE: u16 = 499;

/// The record of one request, written when it is dropped: after the last byte
/// of the answer, or when the client has gone.
pub(crate) struct Record {
    span: Span,
    began: Instant,
    method: &'static str,
    path: String,
    request_id: String,
    client: IpAddr,
    /// The prefix of its route, or a word where there is none.
    pub(crate) route: &'static str,
    pub(crate) upstream: Option<&'static str>,
    pub(crate) user_id: Option<UserId>,
    status: Option<StatusCode>,
    bytes: usize,
    is_complete: bool,
    in_flight: Gauge,
    /// Not here any more when the connection has become a tunnel.
    connection: Option<InFlightGuard>,
}

impl Record {
    pub(crate) fn begin(
        request: &Request<Incoming>,
        request_id: String,
        client: IpAddr,
        connection: InFlightGuard,
    ) -> Self {
        let method = method_label(request.method().as_str());
        let path = request.uri().path().to_owned();
        let span = tracing::info_span!(
            "http.gateway",
            otel.kind = "server",
            otel.status_code = field::Empty,
            http.request.method = method,
            http.route = field::Empty,
            url.path = %path,
            http.response.status_code = field::Empty,
            upstream = field::Empty,
            request.id = %request_id,
            user.id = field::Empty,
        );
        let headers = request.headers();
        adopt_parent(&span, &|key| headers.get(key)?.to_str().ok());
        let in_flight = gauge!("gateway_requests_in_flight");
        in_flight.increment(1);
        Self {
            span,
            began: Instant::now(),
            method,
            path,
            request_id,
            client,
            route: "none",
            upstream: None,
            user_id: None,
            status: None,
            bytes: 0,
            is_complete: false,
            in_flight,
            connection: Some(connection),
        }
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }

    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// The answer opens a tunnel, whose record writes the log line. What is
    /// left here measures the handshake.
    pub(crate) fn begin_tunnel(&mut self) -> TunnelRecord {
        let _entered = self.span.enter();
        TunnelRecord {
            began: self.began,
            path: self.path.clone(),
            request_id: self.request_id.clone(),
            trace_id: current_trace_id(),
            client: self.client,
            route: self.route,
            upstream: self.upstream,
            received: 0,
            sent: 0,
            // Until it has been told.
            ended_by: Ending::Client,
            _connection: self.connection.take(),
            _open: Open::begin(),
        }
    }
}

impl Attendant for Record {
    fn sent(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    fn completed(&mut self) {
        self.is_complete = true;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.in_flight.decrement(1);
        let _entered = self.span.enter();
        let elapsed = self.began.elapsed();
        let status = self.status.map_or(CLIENT_GONE, |status| status.as_u16());
        self.span.record("http.route", self.route);
        self.span.record("http.response.status_code", status);
        if let Some(upstream) = self.upstream {
            self.span.record("upstream", upstream);
        }
        if let Some(user_id) = self.user_id {
            self.span.record("user.id", field::display(user_id));
        }
        if status >= 500 {
            self.span.record("otel.status_code", "ERROR");
        }
        histogram!(
            "http_server_duration_seconds",
            "service" => "gateway",
            "route" => self.route,
            "method" => self.method,
            "status" => status.to_string(),
        )
        .record(elapsed);
        if self.connection.is_none() {
            return;
        }
        tracing::info!(
            method = self.method,
            path = %self.path,
            route = self.route,
            status,
            duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            bytes = self.bytes,
            // False when the answer was cut short, by the client or by the service.
            complete = self.is_complete,
            upstream = self.upstream,
            request_id = %self.request_id,
            trace_id = current_trace_id(),
            user.id = self.user_id.map(field::display),
            client.address = %self.client,
            "request"
        );
    }
}
