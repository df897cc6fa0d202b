//! A closed loop: so many connections, each sending its next request when the
//! one before was answered.

use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};

use crate::http::{Connection, Request, refusal};

/// What a load has shown.
pub(crate) struct Timing {
    /// From the first request to the last answer.
    elapsed: Duration,
    /// Of every request, sorted.
    latencies: Vec<Duration>,
}

impl Timing {
    /// Of requests that took `latencies`, within `elapsed`.
    pub(crate) fn new(elapsed: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { elapsed, latencies }
    }

    /// How many requests there were.
    pub(crate) fn operations(&self) -> usize {
        self.latencies.len()
    }

    /// How many in a second.
    pub(crate) fn rate(&self) -> f64 {
        count(self.latencies.len()) / self.elapsed.as_secs_f64()
    }

    /// The time within which `permille` of a thousand were answered.
    pub(crate) fn quantile(&self, permille: usize) -> Duration {
        let index = self.latencies.len().saturating_sub(1) * permille / 1000;
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// A count as a number that can be divided; exact below four thousand million.
pub(crate) fn count(items: usize) -> f64 {
    f64::from(u32::try_from(items).unwrap_or(u32::MAX))
}

/// Does `work` for each of `items`, so many at a time as there are `connections`,
/// and returns how long each took, sorted.
pub(crate) async fn at_a_time<T, F: Future<Output = anyhow::Result<()>>>(
    connections: usize,
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> F,
) -> anyhow::Result<Timing> {
    let started = Instant::now();
    let timed = stream::iter(items).map(|item| async {
        let began = Instant::now();
        work(item).await?;
        anyhow::Ok(began.elapsed())
    });
    let latencies = timed.buffer_unordered(connections).try_collect().await?;
    Ok(Timing::new(started.elapsed(), latencies))
}

/// Sends all `requests` to `address` over `connections` connections. An answer
/// that is no success is an error: a fast refusal is no performance.
pub(crate) async fn send(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Request>,
) -> anyhow::Result<Timing> {
    // On a thread of its own, so that no answer wakes another core.
    let sent = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        runtime.block_on(drive(address, connections, &requests))
    });
    sent.await?
}

async fn drive(
    address: SocketAddr,
    connections: usize,
    requests: &[Request],
) -> anyhow::Result<Timing> {
    ensure!(!requests.is_empty(), "nothing to send");
    let opening = (0..connections).map(|_| Connection::open(address));
    let open = try_join_all(opening).await?;
    let next = Cell::new(0);
    let started = Instant::now();
    let sending = open
        .into_iter()
        .map(|connection| send_in_turn(connection, requests, &next));
    let latencies = try_join_all(sending).await?;
    Ok(Timing::new(started.elapsed(), latencies.concat()))
}

async fn send_in_turn(
    mut connection: Connection,
    requests: &[Request],
    next: &Cell<usize>,
) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(requests.len() / 8);
    while let Some(request) = requests.get(next.replace(next.get() + 1)) {
        let sent = Instant::now();
        let answer = connection.exchange(request).await.context("a request")?;
        latencies.push(sent.elapsed());
        let is_done = (200..300).contains(&answer.status);
        ensure!(is_done, "{}", refusal(&answer));
    }
    Ok(latencies)
}
