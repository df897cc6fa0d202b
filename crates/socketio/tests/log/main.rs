//! What every event log promises, in memory and in a real Redis.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod contract;
mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::time::Duration;

use socketio::{Appended, EventLog, LoggedEvent, Message, Offset, Reading, Retention};

const LOG: &str = "ana";

/// Few events, so that a log is soon full.
const RETENTION: Retention = Retention {
    time: Duration::from_mins(2),
    touch_interval: Duration::from_mins(1),
    events: 5,
};

fn said(text: &str) -> LoggedEvent {
    let message = Message::event("said").with(text).unwrap();
    LoggedEvent::new(&message, None).unwrap()
}

async fn append(log: &dyn EventLog, text: &str) -> Offset {
    match log.append(LOG, &said(text), None).await.unwrap() {
        Appended::At(offset) => offset,
        other => panic!("{text} was not appended: {other:?}"),
    }
}

async fn append_as(log: &dyn EventLog, id: &str) -> Appended {
    log.append(LOG, &said(id), Some(id)).await.unwrap()
}

/// The arguments of everything behind `after`; `None` for a gap.
async fn read(log: &dyn EventLog, after: Offset) -> Option<Vec<String>> {
    match log.read(LOG, after, 100).await.unwrap() {
        Reading::Complete { events, .. } => Some(events.into_iter().map(|it| it.1.args).collect()),
        Reading::Gap => None,
    }
}

fn args(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| said(text).args).collect()
}
