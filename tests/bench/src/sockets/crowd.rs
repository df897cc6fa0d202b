//! Everybody who is connected in one process.

use std::{net::SocketAddr, time::Duration};

use anyhow::bail;
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use super::{chat::Pair, client::Person, connection::Connection};

/// Connections that are being made at a time.
const AT_A_TIME: usize = 64;

/// Connections that answer heartbeats.
#[derive(Default)]
pub(super) struct Crowd {
    /// Those who never say anything.
    silent: JoinSet<anyhow::Result<()>>,
    /// Those who can talk.
    pairs: JoinSet<anyhow::Result<Pair>>,
    /// Wakes them.
    talk: watch::Sender<()>,
}

impl Crowd {
    /// Connects all `people`; so many of them as pairs.
    pub(super) async fn connect(
        &mut self,
        server: SocketAddr,
        people: &[Person],
        pairs: usize,
    ) -> anyhow::Result<()> {
        let talkers = (2 * pairs).min(people.len());
        let (talkers, silent) = people.split_at(talkers);
        let open = |person: &Person| {
            let (source, token) = (person.source, person.token.clone());
            async move { Connection::open(source, server, &token).await }
        };
        let mut made = stream::iter(silent).map(open).buffer_unordered(AT_A_TIME);
        while let Some(connection) = made.try_next().await? {
            self.silent.spawn(listen(connection));
        }
        for pair in talkers.chunks_exact(2) {
            let [writer, hearer] = pair else { continue };
            let pair = Pair {
                writer: open(writer).await?,
                hearer: open(hearer).await?,
                to: hearer.id.to_string(),
            };
            self.pairs.spawn(pair.rest(self.talk.subscribe()));
        }
        Ok(())
    }

    /// Lets the pairs talk for `length`, so many messages in a second, all
    /// together. Returns how long each took, in µs.
    pub(super) async fn talk(
        &mut self,
        length: Duration,
        rate: Option<f64>,
    ) -> anyhow::Result<Vec<u64>> {
        let _ = self.talk.send(());
        let mut pairs = Vec::new();
        while let Some(rested) = self.pairs.join_next().await {
            pairs.push(rested??);
        }
        let ticks: Vec<_> = ticks(pairs.len(), rate);
        let talking = pairs.iter_mut().zip(ticks);
        let talking = talking.map(|(pair, due)| pair.talk(length, due));
        let latencies = try_join_all(talking).await?.into_iter().flatten();
        let latencies = latencies.map(|took| u64::try_from(took.as_micros()));
        let latencies = latencies.collect::<Result<_, _>>()?;
        for pair in pairs {
            self.pairs.spawn(pair.rest(self.talk.subscribe()));
        }
        Ok(latencies)
    }

    /// How many are connected. Somebody who is no longer is an error.
    pub(super) fn count(&mut self) -> anyhow::Result<usize> {
        if let Some(gone) = self.silent.try_join_next() {
            gone??;
        }
        if let Some(gone) = self.pairs.try_join_next() {
            gone??;
        }
        Ok(self.silent.len() + 2 * self.pairs.len())
    }
}

/// Hears nothing but heartbeats, for ever.
async fn listen(mut connection: Connection) -> anyhow::Result<()> {
    let unasked = connection.next().await?;
    bail!("nobody asked for {unasked}")
}

/// When each of `pairs` may write, one after the other.
fn ticks(pairs: usize, rate: Option<f64>) -> Vec<Option<Interval>> {
    let Some(rate) = rate else {
        return std::iter::repeat_with(|| None).take(pairs).collect();
    };
    let between = Duration::from_secs_f64(1.0 / rate);
    let count = u32::try_from(pairs).unwrap_or(u32::MAX);
    let now = Instant::now();
    let tick = |index: u32| {
        let mut due = interval_at(now + between * index, between * count);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(due)
    };
    (0..count).map(tick).collect()
}
