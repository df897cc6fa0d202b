//! Figures of several rounds, side by side.

use std::{
    io::{self, Write},
    time::Duration,
};

use crate::{
    load::{Timing, count},
    usage::Usage,
};

/// In the order of the columns.
const PROCESSES: [&str; 11] = [
    "client",
    "nginx",
    "gateway",
    "bare GET",
    "bare POST",
    "posts",
    "auth",
    "worker",
    "mongodb",
    "redis",
    "rabbitmq",
];

/// Of a thousand, which of the latencies are shown.
const QUANTILES: [usize; 4] = [500, 900, 990, 999];

/// One round of one thing.
pub(crate) struct Round {
    /// How many operations it was.
    pub(crate) operations: usize,
    /// How many there were in a second.
    pub(crate) rate: f64,
    /// What one took, at the [`QUANTILES`].
    pub(crate) latency: Option<[Duration; QUANTILES.len()]>,
    /// What they cost.
    pub(crate) usage: Usage,
}

impl Round {
    /// Of a load of which each request was timed.
    pub(crate) fn timed(timing: &Timing, usage: Usage) -> Self {
        Self {
            operations: timing.operations(),
            rate: timing.rate(),
            latency: Some(QUANTILES.map(|permille| timing.quantile(permille))),
            usage,
        }
    }
}

/// All figures of a run, by what was measured, in the order in which it first was.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<(String, Vec<Round>)>,
    facts: Vec<(String, Vec<f64>)>,
    memory: Vec<(String, [u64; 2])>,
}

impl Report {
    /// Adds a round of `subject`.
    pub(crate) fn add(&mut self, subject: &str, round: Round) -> anyhow::Result<()> {
        let latency = round.latency.map_or(String::new(), |[p50, _, p99, _]| {
            format!(", p50 {} ms, p99 {} ms", millis(p50), millis(p99))
        });
        let rate = round.rate;
        writeln!(io::stderr(), "  {subject}: {rate:.0}/s{latency}")?;
        let known = self.rows.iter_mut().find(|(name, _)| name == subject);
        match known {
            Some((_, rounds)) => rounds.push(round),
            None => self.rows.push((subject.to_owned(), vec![round])),
        }
        Ok(())
    }

    /// Adds a number that is no rate.
    pub(crate) fn add_fact(&mut self, name: &str, value: f64) {
        match self.facts.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value),
            None => self.facts.push((name.to_owned(), vec![value])),
        }
    }

    /// Adds what a process holds in memory, now and at most, in MiB.
    pub(crate) fn add_memory(&mut self, process: &str, mebibytes: [u64; 2]) {
        self.memory.push((process.to_owned(), mebibytes));
    }

    /// Prints everything, and `ratios`: of one subject to another, and what is aimed at.
    pub(crate) fn print(&self, ratios: &[(&str, &str, &str)]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        self.print_rates(&mut out)?;
        writeln!(
            out,
            "\n| ratio | of medians | by round | aim |\n|---|--:|---|--:|"
        )?;
        for (subject, baseline, aim) in ratios {
            let [above, below] = [subject, baseline].map(|name| self.rates(name));
            let by_round: Vec<f64> = above.iter().zip(&below).map(|(a, b)| a / b).collect();
            let ratio = median(&above) / median(&below);
            let by_round = list(&by_round, 2);
            writeln!(
                out,
                "| {subject} : {baseline} | {ratio:.2} | {by_round} | {aim} |"
            )?;
        }
        for (name, values) in &self.facts {
            let (middle, all) = (median(values), list(values, 1));
            writeln!(out, "| {name} | {middle:.1} | {all} | |")?;
        }
        self.print_costs(&mut out)?;
        writeln!(
            out,
            "\n| process | MiB at the end | at most |\n|---|--:|--:|"
        )?;
        for (process, [now, peak]) in &self.memory {
            writeln!(out, "| {process} | {now} | {peak} |")?;
        }
        Ok(())
    }

    fn print_rates(&self, out: &mut impl Write) -> io::Result<()> {
        let columns = "in a second | by round | p50 ms | p90 ms | p99 ms | p99.9 ms";
        writeln!(out, "\n| what | {columns} |")?;
        writeln!(out, "|---|--:|---|--:|--:|--:|--:|")?;
        for (subject, rounds) in &self.rows {
            let rates = self.rates(subject);
            let latency = |which: usize| {
                let each = rounds.iter().filter_map(|round| round.latency);
                let each: Vec<f64> = each
                    .filter_map(|both| both.get(which).map(Duration::as_secs_f64))
                    .collect();
                if each.is_empty() {
                    return "–".to_owned();
                }
                format!("{:.1}", median(&each) * 1000.0)
            };
            let (middle, all) = (median(&rates), list(&rates, 0));
            let latencies = [0, 1, 2, 3].map(latency).join(" | ");
            writeln!(out, "| {subject} | {middle:.0} | {all} | {latencies} |")?;
        }
        Ok(())
    }

    fn print_costs(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "\n| CPU ms per 1,000 | {} |\n|---|{}",
            PROCESSES.join(" | "),
            "--:|".repeat(PROCESSES.len())
        )?;
        let is_measured = |rounds: &[Round]| rounds.iter().any(|round| !round.usage.is_empty());
        for (subject, rounds) in self.rows.iter().filter(|(_, rounds)| is_measured(rounds)) {
            let mut usage = Usage::default();
            for round in rounds {
                usage.add(&round.usage);
            }
            let operations: usize = rounds.iter().map(|round| round.operations).sum();
            write!(out, "| {subject} |")?;
            for process in PROCESSES {
                let each = usage.get(process).as_secs_f64() * 1e6 / count(operations);
                write!(out, " {each:.0} |")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn rates(&self, subject: &str) -> Vec<f64> {
        let row = self.rows.iter().find(|(name, _)| name == subject);
        let rounds = row.map_or(&[][..], |(_, rounds)| rounds);
        rounds.iter().map(|round| round.rate).collect()
    }
}

/// Tells whoever waits what is being done.
pub(crate) fn say(what: &str) -> io::Result<()> {
    writeln!(io::stderr(), "▸ {what}")
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn list(values: &[f64], decimals: usize) -> String {
    let texts = values.iter().map(|value| format!("{value:.decimals$}"));
    texts.collect::<Vec<_>>().join(", ")
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}
