use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{Feeds, catch_up::Backoff, feed::Feed};
use crate::Offset;

/// How many logs are asked after in one round trip.
const BATCH: usize = 500;

/// Between batches in which feeds were lost: their clients all come back.
const LOST_PAUSE: Duration = Duration::from_millis(100);

/// A feed, by name, and where it was when somebody was about to ask its log.
type Seen = (Box<str>, Arc<Feed>, Offset);

impl Feeds {
    /// Looks at once whether any log has news, or is gone: for a process that
    /// could not be woken for a while. Ends when every log has been asked after,
    /// which is tried until it answers; what there is to read is then under way.
    pub async fn resync(&self) {
        let mut backoff = Backoff::default();
        for batch in self.all().chunks(BATCH) {
            let seen = opened(batch);
            let heads = loop {
                match self.0.log.heads(&names(&seen)).await {
                    Ok(heads) => break heads,
                    Err(error) => backoff.wait(&error).await,
                }
            };
            let mut lost = 0;
            for ((log, feed, position), head) in seen.iter().zip(heads) {
                if head < Some(*position) {
                    self.lose(log, feed);
                    lost += 1;
                } else if head > Some(*position) {
                    self.settle(log, feed, feed.wake(None));
                }
            }
            if lost > 0 {
                sleep(LOST_PAUSE).await;
            }
        }
    }

    /// Keeps the logs that are followed from being forgotten. Never ends.
    pub(crate) async fn run(&self) {
        loop {
            self.touch_all().await;
        }
    }

    /// Touches every log, spread over the interval.
    async fn touch_all(&self) {
        let feeds = self.all();
        let batches = feeds.len().div_ceil(BATCH).max(1);
        let share = u32::try_from(batches).unwrap_or(u32::MAX);
        let pause = self.0.log.retention().touch_interval / share;
        for batch in 0..batches {
            let batch = feeds.iter().skip(batch * BATCH).take(BATCH);
            self.touch(&opened(batch)).await;
            sleep(pause).await;
        }
    }

    async fn touch(&self, seen: &[Seen]) {
        match self.0.log.touch(&names(seen)).await {
            Ok(exist) => {
                let gone = seen.iter().zip(exist).filter(|(_, exists)| !exists);
                gone.for_each(|((log, feed, _), _)| self.lose(log, feed));
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "event logs not touched");
            }
        }
    }

    fn all(&self) -> Vec<(Box<str>, Arc<Feed>)> {
        let feeds = self.0.feeds.iter();
        feeds
            .map(|it| (it.key().clone(), Arc::clone(it.value())))
            .collect()
    }
}

/// Those whose logs have been opened.
fn opened<'a>(feeds: impl IntoIterator<Item = &'a (Box<str>, Arc<Feed>)>) -> Vec<Seen> {
    let seen = |(log, feed): &(Box<str>, Arc<Feed>)| {
        Some((log.clone(), Arc::clone(feed), feed.position()?))
    };
    feeds.into_iter().filter_map(seen).collect()
}

fn names(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|(log, ..)| &**log).collect()
}
