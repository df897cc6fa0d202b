//! Conversations: one writes, another hears it.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::{sync::watch, time::Interval};

use super::connection::Connection;

/// About as long as what people write.
const CONTENT: &str = "are you coming along tonight, or do we meet there? bring what you have, \
    there is enough of the rest";

/// Two who talk.
pub(super) struct Pair {
    /// Who writes.
    pub(super) writer: Connection,
    /// Who hears it.
    pub(super) hearer: Connection,
    /// Who that is.
    pub(super) to: String,
}

impl Pair {
    /// Writes for `length`, one message at a time, each when the one before was
    /// acknowledged and heard, and not before it is `due`. Returns how long each
    /// took.
    pub(super) async fn talk(
        &mut self,
        length: Duration,
        mut due: Option<Interval>,
    ) -> anyhow::Result<Vec<Duration>> {
        let message = format!(
            r#"["message",{{"to":"{}","content":"{CONTENT}"}}]"#,
            self.to
        );
        let began = Instant::now();
        let mut latencies = Vec::new();
        while began.elapsed() < length {
            if let Some(due) = &mut due {
                due.tick().await;
            }
            let id = latencies.len();
            let sent = Instant::now();
            self.writer.send(&format!("42{id}{message}")).await?;
            let acknowledged = async {
                let answer = self.writer.next().await?;
                ensure!(answer == format!(r#"43{id}[{{"ok":true}}]"#), "{answer}");
                Ok(())
            };
            let heard = async {
                let event = self.hearer.next().await?;
                ensure!(event.starts_with(r#"42["message:received""#), "{event}");
                Ok(sent.elapsed())
            };
            let ((), took) = tokio::try_join!(acknowledged, heard).context("a message")?;
            latencies.push(took);
        }
        Ok(latencies)
    }

    /// Says nothing, and hears nothing but heartbeats, until `talk` changes.
    pub(super) async fn rest(mut self, mut talk: watch::Receiver<()>) -> anyhow::Result<Self> {
        let unasked = tokio::select! {
            biased;
            _ = talk.changed() => return Ok(self),
            unasked = self.writer.next() => unasked,
            unasked = self.hearer.next() => unasked,
        };
        bail!("nobody asked for {}", unasked.context("while it rests")?)
    }
}
