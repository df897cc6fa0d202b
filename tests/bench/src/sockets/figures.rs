//! What was measured, beside each other.

use std::{
    io::{self, Write},
    time::Duration,
};

/// What one side has shown in one round.
pub(super) struct Measured {
    pub(super) connections: f64,
    pub(super) connects_per_second: f64,
    pub(super) connects_per_cpu: f64,
    pub(super) kib_per_connection: f64,
    /// Of one core.
    pub(super) idle_percent: f64,
    pub(super) messages_per_second: f64,
    pub(super) messages_per_cpu: f64,
    /// p50 and p99, when as much is said as possible.
    pub(super) saturated: [Duration; 2],
    /// p50 and p99, at the rate that was asked for.
    pub(super) calm: [Duration; 2],
}

/// A figure: what it is called, how it is found, its decimals.
type Figure = (&'static str, fn(&Measured) -> f64, usize);

const FIGURES: [Figure; 11] = [
    ("connections held", |it| it.connections, 0),
    ("connects per CPU second", |it| it.connects_per_cpu, 0),
    ("connects in a second", |it| it.connects_per_second, 0),
    (
        "KiB resident per idle connection",
        |it| it.kib_per_connection,
        2,
    ),
    ("CPU while idle, % of a core", |it| it.idle_percent, 1),
    ("messages per CPU second", |it| it.messages_per_cpu, 0),
    ("messages in a second", |it| it.messages_per_second, 0),
    ("p50 ms, saturated", |it| millis(it.saturated[0]), 2),
    ("p99 ms, saturated", |it| millis(it.saturated[1]), 2),
    ("p50 ms, at the given rate", |it| millis(it.calm[0]), 2),
    ("p99 ms, at the given rate", |it| millis(it.calm[1]), 2),
];

/// All figures of a run, by side.
#[derive(Default)]
pub(super) struct Figures(Vec<(&'static str, Vec<Measured>)>);

impl Figures {
    /// Adds a round of `side`.
    pub(super) fn add(&mut self, side: &'static str, measured: Measured) {
        match self.0.iter_mut().find(|(name, _)| *name == side) {
            Some((_, rounds)) => rounds.push(measured),
            None => self.0.push((side, vec![measured])),
        }
    }

    /// Prints a table of medians, and how the first side compares with the second.
    pub(super) fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let names: Vec<&str> = self.0.iter().map(|(name, _)| *name).collect();
        writeln!(out, "\n| | {} | ratio |", names.join(" | "))?;
        writeln!(out, "|---|{}--:|", "--:|".repeat(names.len()))?;
        for (name, figure, decimals) in FIGURES {
            let values: Vec<f64> = self.0.iter().map(|(_, it)| median(it, figure)).collect();
            let texts = values.iter().map(|value| format!("{value:.decimals$}"));
            let texts = texts.collect::<Vec<_>>().join(" | ");
            let ratio = match values.as_slice() {
                [first, second, ..] => first / second,
                _ => f64::NAN,
            };
            writeln!(out, "| {name} | {texts} | {ratio:.2} |")?;
        }
        Ok(())
    }
}

fn median(rounds: &[Measured], figure: fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(figure).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
