//! The steps of the demo: many like requests, so many at a time, with a bar
//! that shows how far they are.

use std::{
    cell::Cell,
    io::{self, Write},
    time::{Duration, Instant},
};

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    client::{Account, Client},
    options::Options,
    settle::Settling,
};

/// What a bar looks like.
const BAR: &str = "{msg:24} {bar:32.cyan/dim} {human_pos}/{human_len} {per_sec} {eta}";
/// How often it is drawn.
const REDRAW: Duration = Duration::from_millis(200);
/// How often a line says how far a step is where no bar can be drawn.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Those that were taken.
pub(crate) struct Steps<'a> {
    /// Whoever sends the requests.
    pub(crate) client: &'a Client,
    concurrency: usize,
    settle: Duration,
    done: Vec<Step>,
}

/// One that was taken.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) elapsed: Duration,
    pub(crate) account: Account,
}

impl Step {
    /// Acknowledged requests a second.
    pub(crate) fn rate(&self) -> f64 {
        let acknowledged = u32::try_from(self.account.latencies.len()).unwrap_or(u32::MAX);
        f64::from(acknowledged) / self.elapsed.as_secs_f64()
    }

    /// The time within which `percent` of the acknowledged requests were answered.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let latencies = &self.account.latencies;
        let index = latencies.len().saturating_sub(1) * percent / 100;
        latencies.get(index).copied().unwrap_or_default()
    }
}

impl<'a> Steps<'a> {
    pub(crate) fn new(client: &'a Client, options: &Options) -> Self {
        Self {
            client,
            concurrency: options.concurrency,
            settle: options.settle,
            done: Vec::new(),
        }
    }

    /// Does `operation` with every item, and returns the results in their order.
    pub(crate) async fn take<T, R>(
        &mut self,
        name: &'static str,
        items: Vec<T>,
        operation: impl AsyncFn(T) -> anyhow::Result<R>,
    ) -> anyhow::Result<Vec<R>> {
        let progress = Progress::begin(name, items.len());
        let began = Instant::now();
        let working = items.into_iter().enumerate().map(async |(index, item)| {
            let result = operation(item).await?;
            progress.advance();
            anyhow::Ok((index, result))
        });
        let results = stream::iter(working).buffer_unordered(self.concurrency);
        let results = results.try_collect::<Vec<_>>().await;
        progress.end();
        let mut results = results.context(name)?;
        results.sort_unstable_by_key(|&(index, _)| index);

        let mut account = self.client.take_account();
        account.latencies.sort_unstable();
        let elapsed = began.elapsed();
        let step = Step {
            name,
            elapsed,
            account,
        };
        writeln!(
            io::stderr(),
            "✔ {name}: {} in {:.1} s, {:.0}/s",
            step.account.latencies.len(),
            elapsed.as_secs_f64(),
            step.rate()
        )?;
        self.done.push(step);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }

    /// The time that what was acknowledged by now has to be seen everywhere.
    pub(crate) fn settling(&self) -> Settling {
        Settling::begin(self.settle)
    }

    /// The steps taken, in their order.
    pub(crate) fn done(&self) -> &[Step] {
        &self.done
    }
}

/// How far a step is: a bar on a terminal, a line now and then elsewhere.
struct Progress {
    bar: ProgressBar,
    said: Cell<Instant>,
}

impl Progress {
    fn begin(name: &'static str, items: usize) -> Self {
        let bar = ProgressBar::new(u64::try_from(items).unwrap_or(u64::MAX)).with_message(name);
        let style = ProgressStyle::with_template(BAR);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(REDRAW);
        Self {
            bar,
            said: Cell::new(Instant::now()),
        }
    }

    fn advance(&self) {
        self.bar.inc(1);
        if self.bar.is_hidden() && self.said.get().elapsed() >= SAY_EVERY {
            self.said.set(Instant::now());
            let (name, done) = (self.bar.message(), self.bar.position());
            let all = self.bar.length().unwrap_or_default();
            // Nobody listens: no reason to stop.
            let _ = writeln!(io::stderr(), "  {name}: {done} of {all}");
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
