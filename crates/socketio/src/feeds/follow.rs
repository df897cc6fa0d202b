use std::{mem, sync::Arc};

use super::{
    Feeds, Follower,
    catch_up::PAGE,
    feed::{Feed, Joined, encode},
};
use crate::{EventLog, LogError, LoggedEvent, Offset, Reading, SocketId, message::Encoded};

/// From where on a socket follows a log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// From now on.
    Head,
    /// From behind what it says it has had.
    After(Offset),
}

/// How a socket follows a log.
#[derive(Debug)]
pub(crate) struct Followed {
    /// Where delivery goes on, behind what was missed.
    pub(crate) offset: Offset,
    /// What it had not had yet, in order.
    pub(crate) missed: Vec<Encoded>,
    /// Whether what it has had and was missed is everything.
    pub(crate) recovered: bool,
}

impl Feeds {
    /// Lets `follower` follow a log: it gets every event behind its start, once,
    /// in order; first those of [`Followed::missed`], which `begin` sends, and
    /// only after that the others by [`Follower::deliver`].
    ///
    /// `begin` is called with the feed locked, so it does not block and does not
    /// call [`Feeds`]. It is not called, and nobody follows, if this fails or is
    /// dropped.
    pub(crate) async fn follow(
        &self,
        log: &str,
        follower: Arc<dyn Follower>,
        start: Start,
        begin: impl FnOnce(&Followed) + Send,
    ) -> Result<(), LogError> {
        let mut begin = Some(begin);
        let mut begin = |followed: &Followed| {
            if let Some(begin) = begin.take() {
                begin(followed);
            }
        };
        // Each round is with another feed, for the one before was lost.
        loop {
            let arrival = self.arrive(log);
            arrival.open().await?;
            if arrival.join(&follower, start, &mut begin).await? {
                return Ok(());
            }
        }
    }

    fn arrive<'a>(&'a self, log: &'a str) -> Arrival<'a> {
        loop {
            let feed = self.feed(log);
            let feed =
                feed.unwrap_or_else(|| Arc::clone(&self.0.feeds.entry(log.into()).or_default()));
            if feed.arrive() {
                return Arrival {
                    feeds: self,
                    log,
                    feed,
                };
            }
            self.remove(log, &feed);
        }
    }
}

/// One who is about to follow. The feed stays for as long.
struct Arrival<'a> {
    feeds: &'a Feeds,
    log: &'a str,
    feed: Arc<Feed>,
}

impl Arrival<'_> {
    /// Finds out where the log ends, if nobody has yet. The feed is in the map
    /// before that, so that what is appended from then on wakes it.
    async fn open(&self) -> Result<(), LogError> {
        if self.feed.position().is_none() {
            let head = self.feeds.0.log.open(self.log).await?;
            let woken = self.feed.opened(head);
            self.feeds.settle(self.log, &self.feed, woken);
        }
        Ok(())
    }

    /// Whether `follower` follows now; otherwise the feed has ended.
    async fn join(
        &self,
        follower: &Arc<dyn Follower>,
        start: Start,
        begin: &mut (impl FnMut(&Followed) + Send),
    ) -> Result<bool, LogError> {
        let mut missed = Missed {
            up_to: None,
            events: Vec::new(),
            socket: follower.id(),
        };
        if let Start::After(offset) = start {
            missed.up_to = Some(offset);
            // A position of the feed is one of the log; what a client says may be anything.
            if self.feed.position() != Some(offset) {
                missed.read(&self.feeds.0.log, self.log).await?;
            }
        }
        loop {
            let joined = self.feed.join(follower, missed.up_to, |offset| {
                begin(&Followed {
                    offset,
                    missed: mem::take(&mut missed.events),
                    recovered: missed.up_to.is_some(),
                });
            });
            match joined {
                Joined::Level => return Ok(true),
                Joined::Ahead => {
                    // The log has had news that this process has not heard.
                    self.feeds.wake(self.log, None);
                    return Ok(true);
                }
                Joined::Ended => return Ok(false),
                Joined::Behind => {
                    let before = missed.up_to;
                    missed.read(&self.feeds.0.log, self.log).await?;
                    if missed.up_to == before {
                        // The feed has had what the log has forgotten.
                        self.feeds.wake(self.log, None);
                        missed.give_up();
                    }
                }
            }
        }
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        if self.feed.depart() {
            self.feeds.remove(self.log, &self.feed);
        }
    }
}

/// What a socket that comes back has not had yet.
struct Missed {
    /// The last event of which is known that nothing before it is missing, apart
    /// from `events`; `None` if that cannot be shown.
    up_to: Option<Offset>,
    events: Vec<Encoded>,
    /// Whose events these are.
    socket: Option<SocketId>,
}

impl Missed {
    /// Reads on to the end of the log.
    async fn read(&mut self, log: &Arc<dyn EventLog>, name: &str) -> Result<(), LogError> {
        while let Some(up_to) = self.up_to {
            match log.read(name, up_to, PAGE).await? {
                Reading::Complete { events, more } => {
                    self.add(events);
                    if !more {
                        break;
                    }
                }
                Reading::Gap => self.give_up(),
            }
        }
        Ok(())
    }

    fn add(&mut self, events: Vec<(Offset, LoggedEvent)>) {
        for (at, event) in events {
            self.up_to = Some(at);
            if self.socket.is_some() && event.except() == self.socket {
                continue;
            }
            match encode(at, event) {
                Ok(event) => self.events.push(event),
                Err(_not_an_event) => return self.give_up(),
            }
        }
    }

    fn give_up(&mut self) {
        self.up_to = None;
        self.events.clear();
    }
}
