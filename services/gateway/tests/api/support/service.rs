use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use testkit::eventually;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use super::SOON;

type Body = BoxBody<Bytes, std::io::Error>;

/// Plays a service: the last segment of the path says how it behaves.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    is_ready: AtomicBool,
    connections: AtomicUsize,
    open: AtomicUsize,
    requests: AtomicUsize,
    abandoned: AtomicUsize,
    /// Requests to `hold` go on as permits are given.
    held: Semaphore,
    /// Ends every connection, also in the middle of a request.
    crash: CancellationToken,
    /// Ends the port, and every connection that is idle.
    leave: CancellationToken,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            is_ready: AtomicBool::new(true),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            held: Semaphore::new(0),
            crash: CancellationToken::new(),
            leave: CancellationToken::new(),
        });
        let accepting = Arc::clone(&state);
        tokio::spawn(async move {
            let (crashed, left) = (accepting.crash.clone(), accepting.leave.clone());
            let accept = async {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(Arc::clone(&accepting).serve(stream));
                }
            };
            tokio::select! {
                () = accept => {}
                () = crashed.cancelled() => {}
                () = left.cancelled() => {}
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on `/readyz` says so, and answers close their connections, as
    /// those of a draining service do.
    pub(crate) fn set_ready(&self, is_ready: bool) {
        self.state.is_ready.store(is_ready, Ordering::SeqCst);
    }

    /// Connections that carried a request, ever.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Requests whose caller went away before their answer.
    pub(crate) fn abandoned(&self) -> usize {
        self.state.abandoned.load(Ordering::SeqCst)
    }

    /// Lets `requests` requests to `hold` go on.
    pub(crate) fn release(&self, requests: usize) {
        self.state.held.add_permits(requests);
    }

    /// The drain is over: no new connections, none that are idle.
    pub(crate) fn leave(&self) {
        self.state.leave.cancel();
    }

    /// The process is gone, and with it its port and its connections.
    pub(crate) async fn crash(&self) {
        self.state.crash.cancel();
        eventually(SOON, async || {
            self.open() == 0 && TcpStream::connect(self.address).await.is_err()
        })
        .await;
    }
}

impl State {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let first = Arc::new(AtomicBool::new(true));
        let state = Arc::clone(&self);
        let opened = Arc::clone(&first);
        let service = service_fn(move |request: Request<Incoming>| {
            let state = Arc::clone(&state);
            if request.uri().path() != "/readyz" && opened.swap(false, Ordering::SeqCst) {
                state.connections.fetch_add(1, Ordering::SeqCst);
                state.open.fetch_add(1, Ordering::SeqCst);
            }
            async move { state.answer(request).await }
        });
        let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            _ = &mut connection => {}
            () = self.crash.cancelled() => {}
            () = self.leave.cancelled() => {
                Pin::new(&mut connection).graceful_shutdown();
                let _ = connection.await;
            }
        }
        if !first.load(Ordering::SeqCst) {
            self.open.fetch_sub(1, Ordering::SeqCst);
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, &'static str> {
        let is_ready = self.is_ready.load(Ordering::SeqCst);
        if request.uri().path() == "/readyz" {
            let status = if is_ready {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            return Ok(Response::builder().status(status).body(full("")).unwrap());
        }
        self.requests.fetch_add(1, Ordering::SeqCst);
        let abandoned = Abandoned(&self.abandoned);
        let answer = self.behave(request).await;
        std::mem::forget(abandoned);
        let mut answer = answer?;
        if !is_ready {
            answer
                .headers_mut()
                .insert("connection", "close".parse().unwrap());
        }
        Ok(answer)
    }

    async fn behave(&self, request: Request<Incoming>) -> Result<Response<Body>, &'static str> {
        let path = request.uri().path().trim_end_matches('/').to_owned();
        Ok(match path.rsplit('/').next().unwrap_or_default() {
            // Never answers.
            "never" => std::future::pending().await,
            // Closes without an answer.
            "hang-up" => return Err("hang up"),
            // Answers when it is told to.
            "hold" => {
                self.held.acquire().await.unwrap().forget();
                Response::new(full("held"))
            }
            // Answers at once, and reads the body meanwhile.
            "early" => {
                tokio::spawn(request.into_body().collect());
                Response::new(full("early"))
            }
            "no-content" => Response::builder().status(204).body(full("")).unwrap(),
            "not-modified" => Response::builder()
                .status(304)
                .header("etag", "W/\"1\"")
                .body(full(""))
                .unwrap(),
            "headers" => Response::builder()
                .header("server", "stub")
                .header("x-powered-by", "stub")
                .header("connection", "x-hop")
                .header("x-hop", "1")
                .header("keep-alive", "timeout=5")
                .header("x-anufy-internal", "1")
                .header("x-cache", "HIT")
                .header("content-security-policy", "default-src 'none'")
                .body(full("headers"))
                .unwrap(),
            "chunked" => Response::new(streamed(vec!["one ", "two ", "three"], End::Clean)),
            "broken" => Response::new(streamed(vec!["one "], End::Broken)),
            "broken-length" => Response::builder()
                .header("content-length", "100")
                .body(streamed(vec!["one "], End::Broken))
                .unwrap(),
            "stalled" => Response::new(streamed(vec!["one "], End::Never)),
            // More than any buffer on the way.
            "endless" => {
                let megabyte = Bytes::from(vec![b'x'; 1024 * 1024]);
                let frames = stream::repeat_with(move || Ok(Frame::data(megabyte.clone())));
                Response::new(BodyExt::boxed(StreamBody::new(frames.take(10_000))))
            }
            _ => echo(request).await?,
        })
    }
}

/// Counts a request that is dropped before its answer.
struct Abandoned<'a>(&'a AtomicUsize);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Copy)]
enum End {
    Clean,
    Broken,
    Never,
}

fn full(text: &'static str) -> Body {
    Full::from(text)
        .map_err(|never: Infallible| match never {})
        .boxed()
}

fn streamed(parts: Vec<&'static str>, end: End) -> Body {
    let parts = stream::iter(parts).map(|part| Ok(Frame::data(Bytes::from(part))));
    let rest: Pin<Box<dyn stream::Stream<Item = _> + Send + Sync>> = match end {
        End::Clean => Box::pin(stream::empty()),
        End::Broken => Box::pin(stream::once(async {
            // What is before it must have left.
            tokio::task::yield_now().await;
            Err(std::io::Error::other("broken"))
        })),
        End::Never => Box::pin(stream::pending()),
    };
    BodyExt::boxed(StreamBody::new(parts.chain(rest)))
}

/// Tells what arrived.
async fn echo(request: Request<Incoming>) -> Result<Response<Body>, &'static str> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .or(Err("the body broke off"))?
        .to_bytes();
    let headers: Vec<(&str, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let told = json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": headers,
        "body_length": body.len(),
        "body": String::from_utf8_lossy(&body[..body.len().min(64)]),
    });
    let told = Full::from(told.to_string()).map_err(|never: Infallible| match never {});
    Ok(Response::builder()
        .header("content-type", "application/json")
        .body(told.boxed())
        .unwrap())
}
