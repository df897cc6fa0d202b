use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Write},
};

use anyhow::{Context, ensure};
use bus::{DeadLetter, DeadLetters};

use super::{UNREACHABLE, printable};
use crate::DlqSettings;

/// What becomes of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is published again and gone from the dead letters.
    Retried,
    /// It is gone.
    Dropped,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retried => "retried",
            Self::Dropped => "dropped",
        })
    }
}

/// Lets the chosen dead letters have their fate, and prints a line for each.
/// Of several with the same id it is the oldest. The others stay.
pub(crate) async fn decide(settings: &DlqSettings, fate: Fate) -> anyhow::Result<()> {
    let chosen = &settings.chosen;
    let letters = DeadLetters::open(&settings.amqp).await;
    let mut letters = letters.context(UNREACHABLE)?;
    let mut missing: BTreeSet<&str> = chosen.ids.iter().map(String::as_str).collect();
    let (mut done, mut failed) = (0, 0);
    while chosen.all || !missing.is_empty() {
        let Some(letter) = letters.next().await.context(UNREACHABLE)? else {
            break;
        };
        if !chosen.all && !missing.remove(letter.id.as_str()) {
            continue;
        }
        let id = printable(&letter.id);
        match settle(&letters, letter, fate).await {
            Ok(()) => {
                done += 1;
                writeln!(io::stdout(), "{id}: {fate}")?;
            }
            Err(error) => {
                failed += 1;
                writeln!(io::stdout(), "{id}: not {fate}: {error}")?;
            }
        }
    }
    letters.close().await.context(UNREACHABLE)?;
    for id in &missing {
        writeln!(io::stdout(), "{}: not there", printable(id))?;
    }
    failed += missing.len();
    writeln!(io::stdout(), "{done} {fate}, {failed} not")?;
    ensure!(failed == 0, "not all were {fate}");
    Ok(())
}

async fn settle(
    letters: &DeadLetters,
    letter: DeadLetter,
    fate: Fate,
) -> Result<(), bus::BusError> {
    match fate {
        Fate::Retried => letters.retry(letter).await,
        Fate::Dropped => letters.discard(letter).await,
    }
}
