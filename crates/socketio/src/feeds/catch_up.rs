use std::{sync::Arc, time::Duration};

use super::{
    Feeds,
    feed::{Feed, Woken},
};
use crate::{LogError, Reading};

/// How many events are read at once.
pub(super) const PAGE: usize = 100;

/// How long a failed read waits at first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

impl Feeds {
    /// Brings a feed that is behind up to the end of its log, in a task of its
    /// own. There is one at a time for each feed.
    pub(super) fn catch_up(&self, log: &str, feed: &Arc<Feed>) {
        let (feeds, log, feed) = (self.clone(), Box::<str>::from(log), Arc::clone(feed));
        self.0.tasks.spawn(async move {
            let read = feeds.read_on(&log, &feed).await;
            if let Woken::Lost = read {
                feeds.lose(&log, &feed);
            }
        });
    }

    /// Reads until there is no more, nobody follows, or the feed is lost. While
    /// the log does not answer the feed stays where it is.
    async fn read_on(&self, log: &str, feed: &Feed) -> Woken {
        let mut backoff = Backoff::default();
        while let Some(after) = feed.begin_read() {
            let reading = {
                let _turn = self.0.reads.acquire().await;
                self.0.log.read(log, after, PAGE).await
            };
            match reading {
                Ok(Reading::Complete { events, more }) => match feed.end_read(events, more) {
                    Woken::Behind => backoff = Backoff::default(),
                    done => return done,
                },
                Ok(Reading::Gap) => return Woken::Lost,
                Err(error @ LogError::Corrupt(_)) => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::error!(log, error, "an event log cannot be read");
                    return Woken::Lost;
                }
                Err(error) => backoff.wait(&error).await,
            }
        }
        Woken::Done
    }
}

/// Waits longer each time, and not for as long as others do.
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(BACKOFF.0)
    }
}

impl Backoff {
    pub(super) async fn wait(&mut self, error: &(dyn std::error::Error + Send + Sync + 'static)) {
        if self.0 == BACKOFF.0 {
            tracing::warn!(
                error = error as &(dyn std::error::Error + 'static),
                "the event log failed, which is tried again"
            );
        }
        tokio::time::sleep(self.0.mul_f64(rand::random_range(0.5..1.5))).await;
        self.0 = BACKOFF.1.min(self.0 * 2);
    }
}
