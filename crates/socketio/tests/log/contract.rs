//! Stories that are true of any log.

use std::sync::Arc;

use futures_util::future::join_all;
use socketio::{Appended, EventLog, LoggedEvent, Offset, Reading, SavedSession};

use crate::{LOG, RETENTION, append, append_as, args, read, said};

pub(crate) async fn events_are_read_as_they_were_appended(log: &dyn EventLog) {
    let start = log.open(LOG).await.unwrap();
    assert_eq!(read(log, start).await, Some(args(&[])));
    let kept_from_one = LoggedEvent {
        except: Some("a socket".to_owned()),
        ..said("zwei “2” \u{1F600} \0")
    };
    let first = append(log, "one").await;
    log.append(LOG, &kept_from_one, None).await.unwrap();
    let third = append(log, "three").await;
    assert!(first.follows(start), "{start} {first}");

    let events = vec![
        (first, said("one")),
        (
            Offset {
                position: first.position + 1,
                ..first
            },
            kept_from_one,
        ),
        (third, said("three")),
    ];
    let reading = log.read(LOG, start, 3).await.unwrap();
    let Reading::Complete { events: read, .. } = reading else {
        panic!("{reading:?}")
    };
    assert_eq!(read, events);

    let Reading::Complete { events: two, more } = log.read(LOG, start, 2).await.unwrap() else {
        panic!("a gap")
    };
    assert_eq!((&two[..], more), (&events[..2], true));
    let rest = log.read(LOG, two[1].0, 2).await.unwrap();
    assert_eq!(
        rest,
        Reading::Complete {
            events: events[2..].to_vec(),
            more: false
        }
    );
}

pub(crate) async fn a_log_that_nobody_opened_takes_nothing(log: &dyn EventLog) {
    assert_eq!(append_as(log, "early").await, Appended::Nobody);
    assert_eq!(log.heads(&[LOG]).await.unwrap(), [None]);
    assert_eq!(log.touch(&[LOG]).await.unwrap(), [false]);
    assert_eq!(
        read(
            log,
            Offset {
                epoch: 0,
                position: 0
            }
        )
        .await,
        None
    );
    let start = log.open(LOG).await.unwrap();
    assert!(matches!(append_as(log, "early").await, Appended::At(_)));
    assert_eq!(read(log, start).await, Some(args(&["early"])));
}

pub(crate) async fn an_id_is_taken_once_by_each_log(log: &dyn EventLog) {
    let start = log.open(LOG).await.unwrap();
    log.open("bo").await.unwrap();
    assert!(matches!(append_as(log, "id").await, Appended::At(_)));
    assert_eq!(append_as(log, "id").await, Appended::Repeated);
    let elsewhere = log.append("bo", &said("id"), Some("id")).await.unwrap();
    assert!(matches!(elsewhere, Appended::At(_)), "{elsewhere:?}");
    append(log, "other").await;
    assert_eq!(append_as(log, "id").await, Appended::Repeated);
    assert_eq!(read(log, start).await, Some(args(&["id", "other"])));
}

pub(crate) async fn only_a_place_of_this_log_is_read_from(log: &dyn EventLog) {
    let start = log.open(LOG).await.unwrap();
    let other = log.open("bo").await.unwrap();
    assert_ne!(start, other);
    let head = append(log, "one").await;
    assert_eq!(read(log, head).await, Some(args(&[])));
    let wrong = [
        other,
        Offset {
            position: head.position + 1,
            ..head
        },
        Offset {
            position: u64::MAX,
            ..head
        },
        Offset {
            epoch: head.epoch - 1,
            ..head
        },
        Offset {
            epoch: head.epoch + 1,
            ..head
        },
        Offset {
            epoch: u64::MAX,
            position: u64::MAX,
        },
        Offset {
            epoch: 0,
            position: 0,
        },
    ];
    for offset in wrong {
        assert_eq!(read(log, offset).await, None, "{offset}");
    }
}

pub(crate) async fn what_was_pushed_out_is_a_gap(log: &dyn EventLog) {
    let start = log.open(LOG).await.unwrap();
    let mut offsets = vec![start];
    let texts: Vec<_> = (0..RETENTION.events + 2).map(|n| n.to_string()).collect();
    for text in &texts {
        offsets.push(append(log, text).await);
    }
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    assert_eq!(read(log, offsets[0]).await, None);
    assert_eq!(read(log, offsets[1]).await, None);
    for had in 2..=texts.len() {
        assert_eq!(
            read(log, offsets[had]).await,
            Some(args(&texts[had..])),
            "{had}"
        );
    }
}

pub(crate) async fn many_logs_are_asked_at_once(log: &dyn EventLog) {
    let start = log.open(LOG).await.unwrap();
    let head = append(log, "one").await;
    let other = log.open("bo").await.unwrap();
    let logs = ["nobody", "bo", LOG];
    let heads = log.heads(&logs).await.unwrap();
    assert_eq!(heads, [None, Some(other), Some(head)]);
    assert_eq!(log.touch(&logs).await.unwrap(), [false, true, true]);
    assert_eq!(log.open(LOG).await.unwrap(), head);
    assert_eq!(read(log, start).await, Some(args(&["one"])));
    assert!(log.heads(&[]).await.unwrap().is_empty());
    assert!(log.touch(&[]).await.unwrap().is_empty());
}

pub(crate) async fn a_session_is_given_out_once(log: &dyn EventLog) {
    let session = SavedSession {
        socket_id: "socket".to_owned(),
        log: LOG.to_owned(),
        rooms: vec!["one".to_owned(), "two".to_owned()],
        offset: log.open(LOG).await.unwrap(),
    };
    log.save("pid", &session).await.unwrap();
    assert_eq!(log.take("other").await.unwrap(), None);
    assert_eq!(log.take("pid").await.unwrap(), Some(session));
    assert_eq!(log.take("pid").await.unwrap(), None);
}

pub(crate) async fn everybody_gets_a_place_of_their_own(log: Arc<dyn EventLog>) {
    let start = log.open(LOG).await.unwrap();
    let appends = (0..20).map(|n| {
        let log = Arc::clone(&log);
        async move { append(&*log, &n.to_string()).await }
    });
    let mut offsets = join_all(appends).await;
    offsets.sort();
    for (position, offset) in (start.position + 1..).zip(offsets) {
        assert_eq!(offset, Offset { position, ..start });
    }
}
