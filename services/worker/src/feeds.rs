use std::time::Duration;

use bus::{BusError, Handler, NotHandled, Publisher, job_message};
use cache::{Cache, keys, redis::AsyncCommands};
use contracts::{
    jobs::v1::{Job, Jobs, job::Work},
    posts::v1::{UpdateFeedsRequest, UpdateFeedsResponse},
    timestamp_of,
    topology::FEED_UPDATES,
};
use domain::{Disposition, ErrorKind};
use runtime::{Clock, SystemClock};

use crate::posts::{Posts, refused};

/// How long it is known that a page was done: longer than a message of which
/// the broker has lost sight takes to come again.
const DONE_FOR: Duration = Duration::from_hours(6);

/// Drives updates of feeds, a page of followers at a time, through their
/// owner.
///
/// The page after this one is a job of its own, published before this one is
/// acknowledged. It goes to the end of the queue, so that an author with many
/// followers takes turns with all others. A page that comes again after its
/// successor was published must not publish another, or the chain would have
/// two ends from then on: that is what the marks in Redis are for. Without
/// them the work is done twice, which changes nothing.
#[derive(Clone)]
pub(crate) struct Feeds {
    pub(crate) posts: Posts,
    pub(crate) cache: Cache,
    pub(crate) publisher: Publisher,
}

impl Handler for Feeds {
    /// Handles one message of `feed-updates-queue`. It is given up whole, so
    /// the rest of it is done first.
    async fn handle(&self, payload: &[u8]) -> Result<(), NotHandled> {
        let jobs = Jobs::from_bytes(payload).map_err(|error| NotHandled::invalid(&error))?;
        let mut rejected = Ok(());
        for job in jobs.jobs {
            match self.update(job).await {
                Err(error) if error.kind.disposition() == Disposition::Reject => {
                    rejected = Err(error);
                }
                outcome => outcome?,
            }
        }
        rejected
    }
}

impl Feeds {
    async fn update(&self, job: Job) -> Result<(), NotHandled> {
        let outcome = self.do_page(job).await;
        let word = match &outcome {
            Ok(Done::Page) => "done",
            Ok(Done::Before) => "repeated",
            Err(error) => error.kind.as_str(),
        };
        metrics::counter!("feed_updates_total", "outcome" => word).increment(1);
        outcome.map(drop)
    }

    async fn do_page(&self, job: Job) -> Result<Done, NotHandled> {
        let Some(Work::UpdateFeeds(update)) = &job.work else {
            return Err(NotHandled::invalid(&"not an update of feeds"));
        };
        let mark = keys::feed_done(&job.id, update.page);
        if self.is_marked(&mark).await {
            return Ok(Done::Before);
        }
        let accepted_at = job.accepted_at;
        let request = UpdateFeedsRequest { job: Some(job) };
        let answer = self.posts.feeds().update_feeds(request).await;
        let answer = answer.map_err(|status| refused(&status))?;
        let UpdateFeedsResponse { next, followers } = answer.into_inner();
        metrics::counter!("feed_update_followers_total").increment(followers.into());
        if let Some(next) = next {
            let message = job_message(FEED_UPDATES, next);
            let published = self.publisher.publish(&message).await;
            published.map_err(|error| unpublished(&error))?;
            self.mark(&mark).await;
        } else if let Some(accepted_at) = accepted_at {
            let lag = SystemClock.now().since(timestamp_of(accepted_at));
            metrics::histogram!("feed_update_lag_seconds").record(lag);
        }
        Ok(Done::Page)
    }

    async fn is_marked(&self, mark: &str) -> bool {
        let marked = self.cache.shared().exists(mark).await;
        marked.unwrap_or_else(|error| {
            tracing::debug!(%error, "not known whether the page was done");
            false
        })
    }

    async fn mark(&self, mark: &str) {
        let mut connection = self.cache.shared();
        let set: Result<(), _> = connection.set_ex(mark, 1, DONE_FOR.as_secs()).await;
        if let Err(error) = set {
            tracing::debug!(%error, "page not marked as done");
        }
    }
}

/// What became of a page.
enum Done {
    /// It was done.
    Page,
    /// It had been done before.
    Before,
}

fn unpublished(error: &BusError) -> NotHandled {
    NotHandled {
        kind: ErrorKind::Unavailable,
        reason: format!("next page not published: {error}"),
    }
}
