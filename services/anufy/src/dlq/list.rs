use std::io::{self, Write};

use anyhow::Context;
use bus::DeadLetters;

use super::{UNREACHABLE, printable};
use crate::DlqListSettings;

/// Prints a line for each dead letter, its words separated by tabs, and how
/// many there are. Changes nothing.
pub(crate) async fn list(settings: &DlqListSettings) -> anyhow::Result<()> {
    let letters = DeadLetters::open(&settings.amqp).await;
    let mut letters = letters.context(UNREACHABLE)?;
    let (all, mut shown) = (letters.left(), 0);
    while shown < settings.limit {
        let Some(letter) = letters.next().await.context(UNREACHABLE)? else {
            break;
        };
        let words = [
            &letter.id,
            &letter.queue,
            &letter.kind,
            &letter.buried_at,
            &letter.reason,
        ];
        let line = words.map(|word| printable(word)).join("\t");
        writeln!(io::stdout(), "{line}")?;
        shown += 1;
    }
    letters.close().await.context(UNREACHABLE)?;
    writeln!(io::stdout(), "{shown} of {all} dead letters")?;
    Ok(())
}
