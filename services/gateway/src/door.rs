//! What happens to a request, in order: preflight, path, token, rate limit and
//! revocation, route, body, forwarding or upgrade; and what every answer carries.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, TRANSFER_ENCODING},
};
use http_body::Body;
use hyper::body::Incoming;
use runtime::{Clock, Readiness, Shutdown};
use tracing::Instrument;

use crate::{
    admission::Admission,
    affinity::Affinity,
    body::ResponseBody,
    client_address::TrustedProxies,
    closing::Closing,
    connection::Client,
    cors::{self, AllowedOrigins},
    headers::{self, REQUEST_ID},
    identity::{Credential, Identity},
    path,
    problem::Code,
    proxy::{Destination, Proxy},
    rate_limit::{Quota, Scope},
    record::Record,
    routes::{self, Route},
    tunnel::{self, Granted, Place, Places},
    upstream::ServiceSide,
    wire::InFlightGuard,
    workers::WorkerIndex,
};

/// Everything a request meets on its way.
pub(crate) struct Door {
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) origins: AllowedOrigins,
    pub(crate) identity: Identity,
    pub(crate) admission: Admission,
    pub(crate) proxy: Proxy,
    pub(crate) places: Arc<Places>,
    pub(crate) closing: Closing,
    pub(crate) readiness: Readiness,
    pub(crate) shutdown: Shutdown,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Where a request may go.
struct Admitted {
    route: &'static Route,
    path: String,
    /// What the service is to see in place of what the client has sent.
    authorization: Option<HeaderValue>,
}

/// The parts of a request that its answer needs.
struct Context {
    record: Record,
    peer: IpAddr,
    worker: WorkerIndex,
    quota: Option<Quota>,
    /// What is behind an answer that changes the protocol.
    granted: Option<(ServiceSide, Place)>,
}

impl Door {
    /// Answers a request of `client`, perhaps by opening a tunnel. `in_flight` lasts
    /// until the answer is written, and then as long as the tunnel.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        Client { peer, worker }: Client,
        in_flight: InFlightGuard,
    ) -> (Response<ResponseBody>, Option<Granted>) {
        let peer = peer.ip();
        let client = self.trusted_proxies.client(peer, request.headers());
        let request_id = headers::request_id(request.headers(), self.clock.now());
        let origin = request.headers().get(ORIGIN).cloned();
        let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
        let has_body = !request.body().is_end_stream();
        let is_head = request.method() == Method::HEAD;
        let mut context = Context {
            record: Record::begin(&request, request_id, client, in_flight),
            peer,
            worker,
            quota: None,
            granted: None,
        };
        let span = context.record.span();
        let handled = self.handle(request, &mut context).instrument(span).await;
        // After a chunked body the connection does not look for another request,
        // and the body of a refused one is in the way of the next. One that becomes
        // a tunnel says something else of itself.
        let must_close = context.granted.is_none()
            && (is_chunked || (has_body && handled.is_err()) || self.shutdown.is_draining());
        let mut response = handled.unwrap_or_else(|code| refusal(code, &context.record, is_head));
        let Context {
            mut record,
            quota,
            granted,
            ..
        } = context;

        let headers = response.headers_mut();
        headers::secure(headers);
        self.origins.mark(origin.as_ref(), headers);
        if let Some(quota) = quota {
            quota.write(self.clock.now(), headers);
        }
        if let Ok(request_id) = HeaderValue::from_str(record.request_id()) {
            headers.insert(REQUEST_ID, request_id);
        }
        if must_close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        record.answered(response.status());
        let granted = granted.map(|(service, place)| Granted {
            service,
            place,
            record: record.begin_tunnel(),
        });
        let response = response.map(|body| body.attended_by(Box::new(record)));
        (response, granted)
    }

    async fn handle(
        &self,
        mut request: Request<Incoming>,
        context: &mut Context,
    ) -> Result<Response<ResponseBody>, Code> {
        if cors::is_preflight(request.method(), request.headers()) {
            context.record.route = "preflight";
            return self.preflight(request.headers());
        }
        if let Some(response) = self.probe(&request, context) {
            return response;
        }
        let Admitted {
            route,
            path,
            authorization,
        } = self.check(&request, context).await?;
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        let query = request.uri().query().filter(|_| route.has_sessions());
        let query = query.map(str::to_owned);
        let destination = Destination {
            service: route.service,
            path: &path,
            affinity: affinity(route, query.as_deref()),
            worker: context.worker,
            is_peer_trusted: self.trusted_proxies.contains(context.peer.to_canonical()),
        };
        if route.has_sessions() && tunnel::is_asked(&request)? {
            return self.upgrade(request, destination, context).await;
        }
        let record = &mut context.record;
        let forwarded = self.proxy.forward(request, destination, record);
        if !route.has_sessions() {
            return forwarded.await;
        }
        // A poll may have to wait for longer than a drain.
        tokio::select! {
            answer = forwarded => answer,
            () = self.closing.clone().turn() => Err(Code::UpstreamUnavailable),
        }
    }

    async fn upgrade(
        &self,
        request: Request<Incoming>,
        destination: Destination<'_>,
        context: &mut Context,
    ) -> Result<Response<ResponseBody>, Code> {
        let place = self.places.take(context.record.client())?;
        let record = &mut context.record;
        let (answer, service) = self.proxy.upgrade(request, destination, record).await?;
        context.granted = service.map(|service| (service, place));
        Ok(answer)
    }

    /// Where a request may go, and as whose.
    async fn check(
        &self,
        request: &Request<Incoming>,
        context: &mut Context,
    ) -> Result<Admitted, Code> {
        let (method, headers) = (request.method(), request.headers());
        let path = path::normalise(request.uri().path());
        let route = path.as_deref().ok().and_then(routes::find);
        let credential = self.identity.credential(headers);
        let session = route.and_then(|_| credential.session_id());
        let client = context.record.client();
        let scope = match (route, &path) {
            (Some(route), Ok(path)) => scope(route, request, path),
            _ => Scope::General,
        };
        let standing = self
            .admission
            .standing(client, scope, session, context.worker)
            .await;
        context.quota = Some(standing.quota);
        if standing.quota.is_exceeded() {
            return Err(Code::RateLimited);
        }
        check_method(method)?;
        let path = path.or(Err(Code::InvalidPath))?;
        let route = route.ok_or(Code::NotFound)?;
        context.record.route = route.prefix;
        // Given two of them, the service could believe the other one.
        if headers.get_all(AUTHORIZATION).iter().count() > 1 {
            return Err(Code::BadRequest);
        }
        let mut authorization = None;
        if route.needs_token(method, &path) {
            let access = match credential {
                Credential::Valid(access) => access,
                Credential::Exchanged(exchanged) => {
                    authorization = Some(exchanged.authorization);
                    exchanged.access
                }
                Credential::Exchangeable(exchangeable) => {
                    let exchanged = self.identity.exchange(exchangeable).await?;
                    authorization = Some(exchanged.authorization);
                    exchanged.access
                }
                Credential::Refused(code) => return Err(code),
            };
            context.record.user_id = Some(access.user_id);
            // Of a login that has just been looked up by auth itself there is nothing to ask.
            if session.is_some() {
                self.admission
                    .check_session(&standing, access.session_id)
                    .await?;
            }
        }
        self.proxy.check_length(request)?;
        Ok(Admitted {
            route,
            path,
            authorization,
        })
    }

    fn preflight(&self, headers: &HeaderMap) -> Result<Response<ResponseBody>, Code> {
        let headers = self
            .origins
            .preflight(headers)
            .ok_or(Code::OriginNotAllowed)?;
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// The answer of the gateway itself to whoever balances load in front of it.
    fn probe(
        &self,
        request: &Request<Incoming>,
        context: &mut Context,
    ) -> Option<Result<Response<ResponseBody>, Code>> {
        let (route, is_well, state) = match request.uri().path() {
            "/livez" => ("/livez", true, "alive"),
            "/readyz" => ("/readyz", self.readiness.is_ready(), self.readiness.state()),
            _ => return None,
        };
        context.record.route = route;
        if *request.method() != Method::GET && *request.method() != Method::HEAD {
            return Some(Err(Code::MethodNotAllowed));
        }
        let body = Bytes::from(format!(r#"{{"status":"{state}"}}"#));
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let status = if is_well {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        Some(Ok(own_answer(
            status,
            headers,
            body,
            request.method() == Method::HEAD,
        )))
    }
}

fn affinity<'a>(route: &Route, query: Option<&'a str>) -> Affinity<'a> {
    if route.has_sessions() {
        Affinity::of_session(query)
    } else {
        Affinity::None
    }
}

/// Which limit a request counts against.
fn scope(route: &Route, request: &Request<Incoming>, path: &str) -> Scope {
    match affinity(route, request.uri().query()) {
        Affinity::Session(_) => Scope::Polling,
        Affinity::Handshake => Scope::Handshakes,
        Affinity::None if route.is_guarded(request.method(), path) => Scope::Guarded,
        Affinity::None => Scope::General,
    }
}

fn check_method(method: &Method) -> Result<(), Code> {
    match method.as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => Ok(()),
        _ => Err(Code::MethodNotAllowed),
    }
}

fn refusal(code: Code, record: &Record, is_head: bool) -> Response<ResponseBody> {
    let document = code.document(record.path(), record.request_id());
    own_answer(code.status(), code.headers(), document, is_head)
}

/// A `HEAD` is told the length of what it does not get.
fn own_answer(
    status: StatusCode,
    mut headers: HeaderMap,
    body: Bytes,
    is_head: bool,
) -> Response<ResponseBody> {
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let body = if is_head {
        ResponseBody::empty()
    } else {
        ResponseBody::from(body)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
