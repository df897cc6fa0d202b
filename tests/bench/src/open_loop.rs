//! An open loop: requests arrive when they arrive, whether or not the ones
//! before were answered, and each is timed from the moment it was meant to be
//! sent. A closed loop would wait with a service that stalls, and so leave out
//! those who wait for it (Tene's "coordinated omission").

use std::{cell::RefCell, net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use crate::{
    http::{Connection, Request, refusal},
    load::Timing,
};

/// A request, and when it is due.
pub(crate) struct Arrival<K> {
    /// From the beginning.
    pub(crate) due: Duration,
    /// What kind it is of.
    pub(crate) kind: K,
    /// What is sent.
    pub(crate) request: Request,
    /// What must be answered.
    pub(crate) status: u16,
}

/// What each request of one kind took.
pub(crate) type Latencies<K> = Vec<(K, Duration)>;

/// Sends `arrivals`, which are in order, to `address`, and returns what each took.
/// Another answer than the one that is due is an error.
pub(crate) async fn send<K: Copy + Send + 'static>(
    address: SocketAddr,
    arrivals: Vec<Arrival<K>>,
) -> anyhow::Result<(Duration, Latencies<K>)> {
    // On a thread of its own, so that no answer wakes another core.
    let sent = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(drive(address, &arrivals))
    });
    sent.await?
}

async fn drive<K: Copy>(
    address: SocketAddr,
    arrivals: &[Arrival<K>],
) -> anyhow::Result<(Duration, Latencies<K>)> {
    let idle = RefCell::new(Vec::new());
    let started = Instant::now();
    let mut latencies = Vec::with_capacity(arrivals.len());
    let mut under_way = FuturesUnordered::new();
    let mut waiting = arrivals.iter();
    let mut next = waiting.next();
    while next.is_some() || !under_way.is_empty() {
        let due = next.map_or(started, |arrival| started + arrival.due);
        tokio::select! {
            biased;
            () = sleep_until(due), if next.is_some() => {
                if let Some(arrival) = next {
                    under_way.push(exchange(address, arrival, due, &idle));
                }
                next = waiting.next();
            }
            Some(answered) = under_way.next() => latencies.push(answered?),
        }
    }
    Ok((started.elapsed(), latencies))
}

async fn exchange<K: Copy>(
    address: SocketAddr,
    arrival: &Arrival<K>,
    due: Instant,
    idle: &RefCell<Vec<Connection>>,
) -> anyhow::Result<(K, Duration)> {
    let kept = idle.borrow_mut().pop();
    let mut connection = match kept {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let answer = connection.exchange(&arrival.request).await;
    let answer = answer.context("a request")?;
    ensure!(answer.status == arrival.status, "{}", refusal(&answer));
    let latency = due.elapsed();
    idle.borrow_mut().push(connection);
    Ok((arrival.kind, latency))
}

/// Those of the kinds for which `is_wanted` holds, in `elapsed`.
pub(crate) fn timing_of<K: Copy>(
    elapsed: Duration,
    latencies: &Latencies<K>,
    is_wanted: impl Fn(K) -> bool,
) -> Timing {
    let wanted = latencies.iter().filter(|(kind, _)| is_wanted(*kind));
    Timing::new(elapsed, wanted.map(|(_, latency)| *latency).collect())
}
