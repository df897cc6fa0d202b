use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use super::LOG;
use crate::{
    LogError, Offset, SocketId,
    feeds::{Feeds, Follower, Start},
    lock::lock,
    message::Encoded,
};

/// A follower that remembers what it was told.
pub(super) struct Ear {
    pub(super) id: SocketId,
    heard: Mutex<Vec<(Offset, String)>>,
    beginning: Mutex<Option<(Offset, usize, bool)>>,
    is_lost: AtomicBool,
}

impl Ear {
    pub(super) async fn follow(feeds: &Feeds, start: Start) -> Arc<Self> {
        Self::try_follow(feeds, start).await.unwrap()
    }

    pub(super) async fn try_follow(feeds: &Feeds, start: Start) -> Result<Arc<Self>, LogError> {
        Self::try_follow_as(SocketId::random(), feeds, start).await
    }

    pub(super) async fn try_follow_as(
        id: SocketId,
        feeds: &Feeds,
        start: Start,
    ) -> Result<Arc<Self>, LogError> {
        let ear = Arc::new(Self {
            id,
            heard: Mutex::default(),
            beginning: Mutex::default(),
            is_lost: AtomicBool::new(false),
        });
        let follower = Arc::clone(&ear) as Arc<dyn Follower>;
        let follow = feeds.follow(LOG, follower, start, |followed| {
            assert!(ear.heard().is_empty(), "an event came before the beginning");
            let missed = followed.missed.iter().map(read);
            lock(&ear.heard).extend(missed);
            let beginning = (followed.offset, followed.missed.len(), followed.recovered);
            *lock(&ear.beginning) = Some(beginning);
        });
        follow.await?;
        Ok(ear)
    }

    pub(super) fn heard(&self) -> Vec<String> {
        let heard = lock(&self.heard);
        heard.iter().map(|(_, text)| text.clone()).collect()
    }

    /// All of it, with where it was.
    pub(super) fn record(&self) -> Vec<(Offset, String)> {
        lock(&self.heard).clone()
    }

    /// Where live delivery began.
    pub(super) fn began(&self) -> Offset {
        lock(&self.beginning).unwrap().0
    }

    pub(super) fn recovered(&self) -> Option<bool> {
        lock(&self.beginning).map(|(_, _, recovered)| recovered)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::SeqCst)
    }

    /// Everything came in order, once, and what was missed ends where it was said to.
    pub(super) fn check(&self) {
        let (began, missed, _) = lock(&self.beginning).unwrap();
        let record = self.record();
        assert!(record.is_sorted_by(|a, b| a.0 < b.0), "{record:?}");
        let (before, live) = record.split_at(missed);
        assert!(
            before.iter().all(|(at, _)| *at <= began),
            "{began}: {record:?}"
        );
        assert!(
            live.iter().all(|(at, _)| *at > began),
            "{began}: {record:?}"
        );
    }
}

impl Follower for Ear {
    fn id(&self) -> Option<SocketId> {
        Some(self.id)
    }

    fn deliver(&self, event: &Encoded) {
        assert!(!self.is_lost(), "an event came after the end");
        lock(&self.heard).push(read(event));
    }

    fn lost(&self) {
        self.is_lost.store(true, Ordering::SeqCst);
    }
}

/// What a client would: the place in the log, and the text.
fn read(event: &Encoded) -> (Offset, String) {
    let frame = event.frames().next().unwrap();
    let (_name, text, offset): (String, String, String) =
        serde_json::from_slice(&frame.payload()[2..]).unwrap();
    (offset.parse().unwrap(), text)
}
