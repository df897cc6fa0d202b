use std::{sync::Arc, time::Duration};

use socketio::{Appended, EventLog, MemoryLog};

use crate::{LOG, RETENTION, append, append_as, contract, read};

#[tokio::test]
async fn a_log_in_memory_keeps_what_a_log_promises() {
    let log = || MemoryLog::new(RETENTION);
    contract::events_are_read_as_they_were_appended(&log()).await;
    contract::a_log_that_nobody_opened_takes_nothing(&log()).await;
    contract::an_id_is_taken_once_by_each_log(&log()).await;
    contract::only_a_place_of_this_log_is_read_from(&log()).await;
    contract::what_was_pushed_out_is_a_gap(&log()).await;
    contract::many_logs_are_asked_at_once(&log()).await;
    contract::a_session_is_given_out_once(&log()).await;
    contract::everybody_gets_a_place_of_their_own(Arc::new(log())).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_lives_until_it_is_no_longer_touched() {
    let log = MemoryLog::new(RETENTION);
    let start = log.open(LOG).await.unwrap();
    append(&log, "one").await;
    for _ in 0..10 {
        tokio::time::advance(RETENTION.time + RETENTION.touch_interval).await;
        assert_eq!(log.touch(&[LOG]).await.unwrap(), [true]);
    }
    tokio::time::advance(RETENTION.time + 2 * RETENTION.touch_interval).await;
    assert_eq!(append_as(&log, "late").await, Appended::Nobody);
    let anew = log.open(LOG).await.unwrap();
    assert!(anew.epoch > start.epoch);
    assert_eq!(read(&log, start).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_id_is_known_for_the_retention() {
    let log = MemoryLog::new(RETENTION);
    log.open(LOG).await.unwrap();
    append_as(&log, "id").await;
    tokio::time::advance(Duration::from_secs(119)).await;
    assert_eq!(append_as(&log, "id").await, Appended::Repeated);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(matches!(append_as(&log, "id").await, Appended::At(_)));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_comes_back_for_is_forgotten() {
    let log = MemoryLog::new(RETENTION);
    let session = socketio::SavedSession {
        socket_id: "socket".to_owned(),
        log: LOG.to_owned(),
        rooms: Vec::new(),
        offset: log.open(LOG).await.unwrap(),
    };
    log.save("pid", &session).await.unwrap();
    tokio::time::advance(RETENTION.time).await;
    assert_eq!(log.take("pid").await.unwrap(), None);
}
