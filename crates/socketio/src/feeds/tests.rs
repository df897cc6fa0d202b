#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod any_order;
mod ear;
#[cfg(feature = "redis")]
mod outage;
mod shaky;

use std::{
    mem::size_of,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use testkit::eventually;
use tokio_util::task::TaskTracker;

use self::{ear::Ear, shaky::ShakyLog};
use super::{Feeds, Start, feed::Feed};
use crate::{Appended, EventLog, LoggedEvent, Message, Offset, Retention};

const LOG: &str = "ana";
const PATIENCE: Duration = Duration::from_secs(10);

/// One process and the log it shares with others.
fn node() -> (Feeds, Arc<ShakyLog>) {
    let log = Arc::new(ShakyLog::new(Retention::default()));
    (on(&shared(&log)), log)
}

fn on(log: &Arc<dyn EventLog>) -> Feeds {
    Feeds::new(Arc::clone(log), TaskTracker::new())
}

fn shared(log: &Arc<ShakyLog>) -> Arc<dyn EventLog> {
    Arc::clone(log) as Arc<dyn EventLog>
}

fn event(text: &str) -> LoggedEvent {
    let message = Message::event("said").with(text).unwrap();
    LoggedEvent::new(&message, None).unwrap()
}

/// Appends an event that nobody is woken for.
async fn append(log: &ShakyLog, text: &str) -> (Offset, LoggedEvent) {
    let event = event(text);
    let Appended::At(offset) = log.append(LOG, &event, None).await.unwrap() else {
        panic!("not appended")
    };
    (offset, event)
}

#[tokio::test]
async fn the_next_event_is_handed_on_without_a_read() {
    let (feeds, log) = node();
    let ear = Ear::follow(&feeds, Start::Head).await;
    for text in ["one", "two"] {
        let news = append(&log, text).await;
        feeds.wake(LOG, Some(news.clone()));
        feeds.wake(LOG, Some(news));
    }
    assert_eq!(ear.heard(), ["one", "two"]);
    assert_eq!(log.reads.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_event_that_is_not_the_next_waits_for_those_before() {
    let (feeds, log) = node();
    let ear = Ear::follow(&feeds, Start::Head).await;
    append(&log, "one").await;
    let second = append(&log, "two").await;
    feeds.wake(LOG, Some(second));
    assert!(ear.heard().is_empty());
    eventually(PATIENCE, async || ear.heard() == ["one", "two"]).await;
}

#[tokio::test]
async fn published_is_heard_by_all_but_the_socket_it_is_kept_from() {
    let (feeds, _log) = node();
    let one = Ear::follow(&feeds, Start::Head).await;
    let two = Ear::follow(&feeds, Start::Head).await;
    let hello = Message::event("said").with("hello").unwrap();
    let bye = Message::event("said").with("bye").unwrap();
    let published = feeds.publish(LOG, &hello, Some(one.id), Some("id")).await;
    assert!(matches!(published, Ok(Appended::At(_))), "{published:?}");
    let again = feeds.publish(LOG, &hello, Some(one.id), Some("id")).await;
    assert!(matches!(again, Ok(Appended::Repeated)), "{again:?}");
    feeds.publish(LOG, &bye, None, None).await.unwrap();
    assert_eq!(
        (one.heard(), two.heard()),
        (vec!["bye".into()], vec!["hello".into(), "bye".into()])
    );
    let nobody = feeds.publish("bo", &bye, None, None).await;
    assert!(matches!(nobody, Ok(Appended::Nobody)), "{nobody:?}");
}

#[tokio::test]
async fn what_was_appended_though_its_publisher_was_not_told_is_heard() {
    let (feeds, log) = node();
    let ear = Ear::follow(&feeds, Start::Head).await;
    log.append(LOG, &event("hello"), Some("id")).await.unwrap();
    let hello = Message::event("said").with("hello").unwrap();
    let again = feeds.publish(LOG, &hello, None, Some("id")).await;
    assert!(matches!(again, Ok(Appended::Repeated)), "{again:?}");
    eventually(PATIENCE, async || ear.heard() == ["hello"]).await;
}

#[tokio::test]
async fn who_comes_back_gets_first_what_it_missed() {
    let (feeds, log) = node();
    let ear = Ear::follow(&feeds, Start::Head).await;
    let (had, event) = append(&log, "had").await;
    feeds.wake(LOG, Some((had, event)));
    feeds.unfollow(LOG, ear.id);
    for n in 0..250 {
        append(&log, &format!("missed {n}")).await;
    }
    let back = Ear::follow(&feeds, Start::After(had)).await;
    assert_eq!(back.recovered(), Some(true));
    assert_eq!(back.heard().len(), 250);
    let live = append(&log, "live").await;
    feeds.wake(LOG, Some(live));
    assert_eq!(back.heard()[249..], ["missed 249", "live"]);
    back.check();
}

#[tokio::test]
async fn who_is_ahead_of_this_process_gets_nothing_twice() {
    let (feeds, log) = node();
    let slow = Ear::follow(&feeds, Start::Head).await;
    append(&log, "one").await;
    let (had, _) = append(&log, "two").await;
    append(&log, "three").await;
    let back = Ear::follow(&feeds, Start::After(had)).await;
    assert_eq!(back.heard(), ["three"]);
    eventually(PATIENCE, async || slow.heard() == ["one", "two", "three"]).await;
    let live = append(&log, "four").await;
    feeds.wake(LOG, Some(live));
    assert_eq!(back.heard(), ["three", "four"]);
    back.check();
    slow.check();
}

#[tokio::test]
async fn an_offset_that_is_not_of_this_log_recovers_nothing() {
    let (feeds, log) = node();
    log.open("bo").await.unwrap();
    let of_another = log.heads(&["bo"]).await.unwrap()[0].unwrap();
    let present = Ear::follow(&feeds, Start::Head).await;
    let (had, event) = append(&log, "one").await;
    feeds.wake(LOG, Some((had, event)));
    let future = Offset {
        position: had.position + 1,
        ..had
    };
    for offset in [of_another, future, Offset { epoch: 0, ..had }] {
        let back = Ear::follow(&feeds, Start::After(offset)).await;
        assert_eq!(back.recovered(), Some(false), "{offset}");
        assert!(back.heard().is_empty());
        feeds.unfollow(LOG, back.id);
    }
    assert!(!present.is_lost());
}

#[tokio::test]
async fn what_is_appended_while_the_log_is_opened_is_heard() {
    let (feeds, log) = node();
    let gate = log.close_open().await;
    let follow = Ear::follow(&feeds, Start::Head);
    let append = async {
        eventually(PATIENCE, async || log.opened.load(Ordering::SeqCst)).await;
        append(&log, "early").await;
        // What it was is not known here: it has to be read.
        feeds.wake(LOG, None);
        drop(gate);
    };
    let (ear, ()) = tokio::join!(follow, append);
    eventually(PATIENCE, async || ear.heard() == ["early"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_does_not_answer_is_read_when_it_does() {
    let (feeds, log) = node();
    let ear = Ear::follow(&feeds, Start::Head).await;
    append(&log, "one").await;
    log.fails.store(true, Ordering::SeqCst);
    feeds.wake(LOG, None);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(ear.heard().is_empty() && !ear.is_lost());
    log.fails.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(ear.heard(), ["one"]);
}

#[tokio::test]
async fn who_cannot_be_told_everything_is_told_that() {
    let few = Retention {
        events: 3,
        ..Retention::default()
    };
    let log = Arc::new(ShakyLog::new(few));
    let feeds = on(&shared(&log));
    let ear = Ear::follow(&feeds, Start::Head).await;
    for n in 0..4 {
        append(&log, &n.to_string()).await;
    }
    feeds.wake(LOG, None);
    eventually(PATIENCE, async || ear.is_lost()).await;
    assert!(ear.heard().is_empty());
    assert!(feeds.0.feeds.is_empty());
}

#[tokio::test]
async fn a_feed_whose_log_holds_what_it_should_not_is_lost() {
    let (feeds, log) = node();
    let ear = Ear::follow(&feeds, Start::Head).await;
    let (next, _) = append(&log, "one").await;
    let no_event = LoggedEvent {
        args: "{}".to_owned(),
        except: None,
    };
    feeds.wake(LOG, Some((next, no_event)));
    assert!(ear.is_lost());

    let ear = Ear::follow(&feeds, Start::Head).await;
    log.is_corrupt.store(true, Ordering::SeqCst);
    feeds.wake(LOG, None);
    eventually(PATIENCE, async || ear.is_lost()).await;
}

#[tokio::test]
async fn a_feed_that_has_what_its_log_forgot_is_lost() {
    let (feeds, log) = node();
    let ear = Ear::follow(&feeds, Start::Head).await;
    let (had, _) = append(&log, "kept").await;
    let forgotten = Offset {
        position: had.position + 1,
        ..had
    };
    feeds.wake(LOG, Some((had, event("kept"))));
    feeds.wake(LOG, Some((forgotten, event("forgotten"))));
    let back = Ear::follow(&feeds, Start::After(had)).await;
    assert_eq!(back.recovered(), Some(false));
    eventually(PATIENCE, async || ear.is_lost() && back.is_lost()).await;
}

#[tokio::test]
async fn a_resync_finds_what_nobody_was_woken_for() {
    let (feeds, log) = node();
    let ear = Ear::follow(&feeds, Start::Head).await;
    append(&log, "one").await;
    log.fails.store(true, Ordering::SeqCst);
    let answer_later = async {
        tokio::task::yield_now().await;
        log.fails.store(false, Ordering::SeqCst);
    };
    tokio::join!(feeds.resync(), answer_later);
    eventually(PATIENCE, async || ear.heard() == ["one"]).await;
}

#[tokio::test]
async fn a_resync_finds_logs_that_are_gone() {
    let (feeds, log) = node();
    let ear = Ear::follow(&feeds, Start::Head).await;
    log.forget();
    feeds.resync().await;
    assert!(ear.is_lost() && feeds.0.feeds.is_empty());

    let ear = Ear::follow(&feeds, Start::Head).await;
    log.forget();
    feeds
        .publish(LOG, &Message::event("said"), None, None)
        .await
        .unwrap();
    eventually(PATIENCE, async || ear.is_lost()).await;

    let ear = Ear::follow(&feeds, Start::Head).await;
    log.forget();
    log.open(LOG).await.unwrap();
    feeds.resync().await;
    eventually(PATIENCE, async || ear.is_lost()).await;
}

#[tokio::test(start_paused = true)]
async fn logs_live_for_as_long_as_they_are_followed() {
    let (feeds, log) = node();
    let ear = Ear::follow(&feeds, Start::Head).await;
    let upkeep = feeds.clone();
    let upkeep = tokio::spawn(async move { upkeep.run().await });
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(log.heads(&[LOG]).await.unwrap(), [Some(ear.began())]);
    log.forget();
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(ear.is_lost());
    upkeep.abort();
}

#[tokio::test]
async fn a_feed_stays_for_as_long_as_somebody_needs_it() {
    let (feeds, log) = node();
    let one = Ear::follow(&feeds, Start::Head).await;
    let two = Ear::follow(&feeds, Start::Head).await;
    feeds.unfollow(LOG, one.id);
    assert_eq!(feeds.0.feeds.len(), 1);
    feeds.unfollow(LOG, two.id);
    assert!(feeds.0.feeds.is_empty());

    log.fails.store(true, Ordering::SeqCst);
    assert!(Ear::try_follow(&feeds, Start::Head).await.is_err());
    assert!(feeds.0.feeds.is_empty());

    log.fails.store(false, Ordering::SeqCst);
    let gate = log.close_open().await;
    let gives_up = tokio::time::timeout(Duration::from_millis(1), Ear::follow(&feeds, Start::Head));
    assert!(gives_up.await.is_err());
    assert!(feeds.0.feeds.is_empty());
    drop(gate);
}

#[tokio::test]
async fn who_leaves_takes_the_feed_from_nobody_who_comes() {
    let (feeds, log) = node();
    let gate = log.close_open().await;
    let come = Ear::follow(&feeds, Start::Head);
    let leave = async {
        eventually(PATIENCE, async || log.opened.load(Ordering::SeqCst)).await;
        let feed = feeds.feed(LOG).unwrap();
        let gives_up =
            tokio::time::timeout(Duration::from_millis(1), Ear::follow(&feeds, Start::Head));
        assert!(gives_up.await.is_err());
        drop(gate);
        feed
    };
    let (_ear, feed) = tokio::join!(come, leave);
    assert!(Arc::ptr_eq(&feed, &feeds.feed(LOG).unwrap()));
}

#[test]
fn a_feed_is_small() {
    assert!(size_of::<Feed>() <= 72, "{}", size_of::<Feed>());
}
