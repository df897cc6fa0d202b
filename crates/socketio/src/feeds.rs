//! What the sockets of this process follow.
//!
//! A feed is this process's view of one event log: a position, and the sockets
//! that have been handed everything up to it. News of the log only wake the
//! feed: an event is handed on at once if it is the next one, and otherwise the
//! feed reads the log, which shows that nothing between is missing. Where the
//! log cannot show that, the feed is lost: its sockets are closed, and their
//! clients come back and are told that they were not recovered.

mod catch_up;
mod feed;
mod follow;
mod upkeep;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use self::feed::{Feed, Woken};
pub(crate) use self::follow::Start;
use crate::{
    Appended, EncodeError, EventLog, LogError, LoggedEvent, Message, Offset, SavedSession,
    SocketId, message::Encoded,
};

/// How many feeds read their logs at the same time: after an outage all do.
const READS: usize = 64;

/// One who follows an event log: a connected socket.
pub(crate) trait Follower: Send + Sync + 'static {
    /// Its id, which it has by the time it follows.
    fn id(&self) -> Option<SocketId>;

    /// Takes the next event. The feed is locked meanwhile: this does not block,
    /// and does not call [`Feeds`].
    fn deliver(&self, event: &Encoded);

    /// Whether something is missing is not known any more, and nothing more will
    /// come: the client is to come back.
    fn lost(&self);
}

/// An event was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It is not one that a log can keep.
    #[error("the event cannot be kept")]
    Encode(#[from] EncodeError),
    /// The log did not take it.
    #[error("the event was not logged")]
    Log(#[from] LogError),
}

/// What the sockets of a server follow. Cheap to clone.
#[derive(Clone)]
pub struct Feeds(Arc<Shared>);

struct Shared {
    log: Arc<dyn EventLog>,
    feeds: DashMap<Box<str>, Arc<Feed>>,
    tasks: TaskTracker,
    reads: Semaphore,
}

impl Feeds {
    /// Nobody follows anything yet. Reading is done by `tasks`.
    pub(crate) fn new(log: Arc<dyn EventLog>, tasks: TaskTracker) -> Self {
        Self(Arc::new(Shared {
            log,
            feeds: DashMap::new(),
            tasks,
            reads: Semaphore::new(READS),
        }))
    }

    /// Appends an event and hands it to those who follow the log here, for
    /// a server that is one process. With an `id` it can be tried again.
    pub async fn publish(
        &self,
        log: &str,
        message: &Message,
        except: Option<SocketId>,
        id: Option<&str>,
    ) -> Result<Appended, PublishError> {
        let event = LoggedEvent::new(message, except)?;
        let appended = self.0.log.append(log, &event, id).await?;
        match appended {
            Appended::At(offset) => self.wake(log, Some((offset, event))),
            // Whoever appended it may not have come to wake anybody; and where there
            // is no log though somebody follows it, it was lost, as the feed will see.
            Appended::Repeated | Appended::Nobody => self.wake(log, None),
        }
        Ok(appended)
    }

    /// There is news in the log: this event, or something. Does not block.
    pub fn wake(&self, log: &str, event: Option<(Offset, LoggedEvent)>) {
        if let Some(feed) = self.feed(log) {
            self.settle(log, &feed, feed.wake(event));
        }
    }

    /// The socket gets no more events of the log.
    pub(crate) fn unfollow(&self, log: &str, id: SocketId) {
        if let Some(feed) = self.feed(log)
            && feed.leave(id)
        {
            self.remove(log, &feed);
        }
    }

    /// Keeps a session for when its client comes back.
    pub(crate) async fn save(&self, pid: &str, session: &SavedSession) -> Result<(), LogError> {
        self.0.log.save(pid, session).await
    }

    /// Gives a saved session out, once.
    pub(crate) async fn take(&self, pid: &str) -> Result<Option<SavedSession>, LogError> {
        self.0.log.take(pid).await
    }

    fn feed(&self, log: &str) -> Option<Arc<Feed>> {
        self.0.feeds.get(log).map(|feed| Arc::clone(&feed))
    }

    fn remove(&self, log: &str, feed: &Arc<Feed>) {
        self.0
            .feeds
            .remove_if(log, |_, other| Arc::ptr_eq(feed, other));
    }

    /// Does what a feed needs that was woken.
    fn settle(&self, log: &str, feed: &Arc<Feed>, woken: Woken) {
        match woken {
            Woken::Done => {}
            Woken::Behind => self.catch_up(log, feed),
            Woken::Lost => self.lose(log, feed),
        }
    }

    /// Ends a feed that can no longer be shown to be complete.
    fn lose(&self, log: &str, feed: &Arc<Feed>) {
        let followers = feed.end();
        self.remove(log, feed);
        if !followers.is_empty() {
            tracing::debug!(log, followers = followers.len(), "feed lost");
        }
        for follower in followers {
            follower.lost();
        }
    }
}

impl std::fmt::Debug for Feeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let feeds = self.0.feeds.len();
        f.debug_struct("Feeds")
            .field("feeds", &feeds)
            .finish_non_exhaustive()
    }
}
