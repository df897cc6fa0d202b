//! Carries what an author does into the feeds of their followers, a page of
//! followers at a time.

use std::sync::Arc;

use domain::{PostId, UserId};
use runtime::Clock;

use crate::{
    PostError,
    feeds::Feeds,
    mongo::{FanoutMode, FanoutState, Position, PostStore},
    people::People,
};

/// Updates feeds for the worker.
#[derive(Clone)]
pub(crate) struct FeedUpdates {
    pub(crate) feeds: Feeds,
    pub(crate) store: PostStore,
    pub(crate) people: People,
    pub(crate) clock: Arc<dyn Clock>,
    /// Followers up to which posts are written to feeds.
    pub(crate) fanout_limit: u64,
}

/// A page of an update.
#[derive(Clone, Debug)]
pub(crate) struct UpdatePage {
    pub(crate) author: UserId,
    pub(crate) change: FeedChange,
    /// Where the followers go on; `None` for the first page.
    pub(crate) after: Option<String>,
}

/// What the followers' feeds are told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FeedChange {
    PostAdded(Position),
    PostRemoved(PostId),
    AuthorChanged,
    /// Of the mode with this version.
    FanoutChanged(i64),
}

/// What became of a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageDone {
    pub(crate) followers: usize,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<String>,
}

impl FeedUpdates {
    /// Does one page. Doing it again, late or beside another changes nothing.
    pub(crate) async fn page(&self, page: UpdatePage) -> Result<PageDone, PostError> {
        let UpdatePage {
            author,
            change,
            after,
        } = page;
        let is_first = after.is_none();
        match change {
            FeedChange::PostAdded(post) => {
                if is_first {
                    self.feeds.note_post(author, post).await?;
                    if self.is_pulled_now(author).await? {
                        return Ok(PageDone::default());
                    }
                }
                let (followers, next) = self.people.followers_after(author, after).await?;
                self.feeds.timelines.add(&followers, &[post], None).await?;
                Ok(PageDone::new(&followers, next))
            }
            FeedChange::PostRemoved(post) => {
                if is_first && self.is_pulled(author).await? {
                    return Ok(PageDone::default());
                }
                let (followers, next) = self.people.followers_after(author, after).await?;
                self.feeds.timelines.remove(&followers, post).await?;
                Ok(PageDone::new(&followers, next))
            }
            FeedChange::AuthorChanged => {
                if is_first && self.is_pulled(author).await? {
                    return Ok(PageDone::default());
                }
                let (followers, next) = self.people.followers_after(author, after).await?;
                self.feeds.stamps.void_feeds(&followers).await?;
                Ok(PageDone::new(&followers, next))
            }
            FeedChange::FanoutChanged(version) => {
                let mode = self.feeds.modes.find(author).await?;
                match mode.filter(|mode| mode.version == version) {
                    Some(mode) => self.tell_of_mode(mode, after).await,
                    // Overtaken, or told before.
                    None => Ok(PageDone::default()),
                }
            }
        }
    }

    async fn tell_of_mode(
        &self,
        mode: FanoutMode,
        after: Option<String>,
    ) -> Result<PageDone, PostError> {
        let (followers, next) = self.people.followers_after(mode.author, after).await?;
        if mode.state == FanoutState::Pushing {
            self.make_up_for(mode.author, &followers).await?;
        }
        self.feeds.merging.forget_authors(&followers).await?;
        self.feeds.stamps.void_feeds(&followers).await?;
        if next.is_none() {
            self.feeds.modes.end(mode).await?;
        }
        Ok(PageDone::new(&followers, next))
    }

    /// Adds the newest posts of `author` to the timelines of `users`.
    pub(crate) async fn make_up_for(
        &self,
        author: UserId,
        users: &[UserId],
    ) -> Result<(), PostError> {
        let portion = self.feeds.timelines.portion();
        let posts = self.store.newest(&[author], None, portion).await?;
        let oldest = posts.last().map(|last| last.0);
        // Before the oldest there may be more of theirs.
        let floor = oldest.filter(|_| posts.len() >= portion);
        self.feeds.timelines.add(users, &posts, floor).await?;
        Ok(())
    }

    async fn is_pulled(&self, author: UserId) -> Result<bool, PostError> {
        let mode = self.feeds.modes.find(author).await?;
        Ok(mode.is_some_and(|mode| mode.state == FanoutState::Pulled))
    }

    /// Whether the posts of `author` are not written to feeds. Begins to change
    /// that when their followers have become too many, or few enough; the limit
    /// to come back is lower, so that nobody goes to and fro.
    async fn is_pulled_now(&self, author: UserId) -> Result<bool, PostError> {
        let mode = self.feeds.modes.find(author).await?;
        let next = match mode.map(|mode| mode.state) {
            None => FanoutState::Pulling,
            Some(FanoutState::Pulled) => FanoutState::Pushing,
            // First things first.
            Some(FanoutState::Pulling | FanoutState::Pushing) => return Ok(false),
        };
        let followers = self
            .people
            .followers_count(author)
            .await?
            .unwrap_or_default();
        let followers = u64::try_from(followers).unwrap_or_default();
        let is_due = match next {
            FanoutState::Pulling => followers > self.fanout_limit,
            _ => followers < self.fanout_limit.saturating_mul(4) / 5,
        };
        let is_pulled = mode.is_some();
        if !is_due {
            return Ok(is_pulled);
        }
        let (now, version) = (self.clock.now(), self.clock.now_micros());
        let modes = &self.feeds.modes;
        if modes.begin(author, mode, next, version, now).await? {
            tracing::info!(user.id = %author, followers, mode = ?next, "fan-out changes");
            metrics::counter!("feed_fanout_mode_changes_total", "to" => next.as_str()).increment(1);
        }
        // While the feeds are told, posts are written to them.
        Ok(false)
    }
}

impl PageDone {
    fn new(followers: &[UserId], next: Option<String>) -> Self {
        Self {
            followers: followers.len(),
            next,
        }
    }
}
