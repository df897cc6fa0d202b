//! A client of the gateway that keeps account of every request.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header::RETRY_AFTER};
use serde::de::DeserializeOwned;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long one is asked again until it is acknowledged.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long to wait before asking again if the answer does not say.
const PAUSE: Duration = Duration::from_secs(1);
/// A limit of requests below this is not meant for a demo.
const LIMIT_MIN: u32 = 10_000;

/// What became of the requests since somebody last looked.
#[derive(Default)]
pub(crate) struct Account {
    /// How many were sent.
    pub(crate) sent: usize,
    /// How many were refused for now or not answered, and sent again.
    pub(crate) repeated: usize,
    /// How many were answered from a page cache (`X-Cache: HIT`).
    pub(crate) cached: usize,
    /// What each acknowledged one took.
    pub(crate) latencies: Vec<Duration>,
}

/// Talks to one gateway.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    account: RefCell<Account>,
}

impl Client {
    /// A client of the gateway at `base`, if one answers there and lets a
    /// single machine send many requests.
    pub(crate) async fn connect(base: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy();
        let client = Self {
            http: http.build()?,
            base: base.trim_end_matches('/').to_owned(),
            account: RefCell::default(),
        };
        let keys = client.request(Method::GET, "/.well-known/jwks.json");
        let answer = keys.send().await;
        let answer = answer.with_context(|| {
            format!("no gateway answers at {base}: `make up` starts a stack in the background")
        })?;
        let limit = answer.headers().get("x-ratelimit-limit");
        let limit = limit.and_then(|limit| limit.to_str().ok()?.parse().ok());
        ensure!(
            limit.is_none_or(|limit: u32| limit >= LIMIT_MIN),
            "the gateway at {base} lets a client send only {} requests in a while \
             (RATE_LIMIT_POLICY=production): `make restart RATE_LIMIT_POLICY=local` is for this",
            limit.unwrap_or_default(),
        );
        Ok(client)
    }

    /// A request to be finished and given to [`Client::send`].
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends `request`, again if it is refused for now or not answered, until
    /// it is acknowledged.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        loop {
            let attempt = request.try_clone().context("a request without a stream")?;
            let sent = Instant::now();
            self.account.borrow_mut().sent += 1;
            let answer = attempt.send().await;
            if let Some(pause) = must_wait(&answer) {
                ensure!(
                    began.elapsed() < PATIENCE,
                    "not acknowledged in {} seconds: {answer:?}",
                    PATIENCE.as_secs()
                );
                self.account.borrow_mut().repeated += 1;
                tokio::time::sleep(pause).await;
                continue;
            }
            return self.acknowledge(answer?, sent).await;
        }
    }

    async fn acknowledge<T: DeserializeOwned>(
        &self,
        answer: Response,
        sent: Instant,
    ) -> anyhow::Result<T> {
        let (status, path) = (answer.status(), answer.url().path().to_owned());
        let cached = answer.headers().get("x-cache");
        let cached = cached.is_some_and(|cache| cache == "HIT");
        let body = answer.bytes().await?;
        if !status.is_success() {
            let problem = String::from_utf8_lossy(&body);
            bail!("{path} was answered with {status}: {problem}");
        }
        {
            let mut account = self.account.borrow_mut();
            account.latencies.push(sent.elapsed());
            account.cached += usize::from(cached);
        }
        serde_json::from_slice(&body).with_context(|| format!("{path} was answered strangely"))
    }

    /// What became of the requests since this was last asked.
    pub(crate) fn take_account(&self) -> Account {
        self.account.take()
    }
}

/// How long to wait before the request may be sent again, if it must be.
fn must_wait(answer: &reqwest::Result<Response>) -> Option<Duration> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return (!error.is_builder()).then_some(PAUSE),
    };
    let not_done = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    let told = answer.headers().get(RETRY_AFTER);
    let told = told.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
    let pause = || told.map_or(PAUSE, Duration::from_secs);
    not_done.contains(&answer.status()).then(pause)
}
