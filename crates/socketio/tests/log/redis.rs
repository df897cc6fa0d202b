use std::{sync::Arc, time::Duration};

use ::redis::{
    AsyncCommands, Client,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use socketio::{Appended, EventLog, LogError, Offset, RedisLog, SavedSession};
use testkit::{OwnServers, Sandbox, eventually, eventually_some};

use crate::{LOG, RETENTION, append, append_as, args, contract, read, said};

const PATIENCE: Duration = Duration::from_secs(20);

/// The log of one process.
fn log_at(url: &str) -> RedisLog {
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(Duration::from_millis(500)))
        .set_connection_timeout(Some(Duration::from_millis(500)))
        .set_number_of_retries(0);
    let client = Client::open(url).unwrap();
    let connection = ConnectionManager::new_lazy_with_config(client, config).unwrap();
    RedisLog::new(connection, RETENTION)
}

/// An empty Redis, and a log there.
async fn log() -> (Sandbox, RedisLog) {
    let sandbox = Sandbox::create().await;
    let log = log_at(&sandbox.redis_url());
    (sandbox, log)
}

/// As if Redis had been restarted since, and had been asked long ago which run
/// it is.
async fn restart(sandbox: &Sandbox) {
    let fields = [("run", "another"), ("asked", "0")];
    let () = sandbox
        .redis()
        .hset_multiple("events.run", &fields)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_log_in_redis_keeps_what_a_log_promises() {
    let (sandbox, log) = log().await;
    contract::events_are_read_as_they_were_appended(&log).await;
    sandbox.flush_redis().await;
    contract::a_log_that_nobody_opened_takes_nothing(&log).await;
    sandbox.flush_redis().await;
    contract::an_id_is_taken_once_by_each_log(&log).await;
    sandbox.flush_redis().await;
    contract::only_a_place_of_this_log_is_read_from(&log).await;
    sandbox.flush_redis().await;
    contract::what_was_pushed_out_is_a_gap(&log).await;
    sandbox.flush_redis().await;
    contract::many_logs_are_asked_at_once(&log).await;
    sandbox.flush_redis().await;
    contract::a_session_is_given_out_once(&log).await;
    sandbox.flush_redis().await;
    contract::everybody_gets_a_place_of_their_own(Arc::new(log)).await;
}

#[tokio::test]
async fn a_log_that_was_flushed_is_a_gap_also_when_it_is_there_again() {
    let (sandbox, log) = log().await;
    log.open(LOG).await.unwrap();
    let had = append(&log, "one").await;
    sandbox.flush_redis().await;
    assert_eq!(read(&log, had).await, None);
    assert_eq!(append_as(&log, "id").await, Appended::Nobody);
    let anew = log.open(LOG).await.unwrap();
    assert!(anew.epoch > had.epoch);
    append(&log, "one").await;
    append(&log, "two").await;
    assert_eq!(read(&log, had).await, None);
}

#[tokio::test]
async fn nothing_is_kept_for_longer_than_its_retention() {
    let (sandbox, log) = log().await;
    let offset = log.open(LOG).await.unwrap();
    append_as(&log, "id").await;
    let session = SavedSession {
        socket_id: "socket".to_owned(),
        log: LOG.to_owned(),
        rooms: Vec::new(),
        offset,
    };
    log.save("pid", &session).await.unwrap();
    let ttl = async |key: &str| -> i64 { sandbox.redis().pttl(key).await.unwrap() };
    let _: () = sandbox.redis().pexpire("events:ana", 1_000).await.unwrap();
    append(&log, "an append is no touch").await;
    assert!(ttl("events:ana").await <= 1_000);
    log.touch(&[LOG]).await.unwrap();
    assert!((230_001..=240_000).contains(&ttl("events:ana").await));
    assert!((110_001..=120_000).contains(&ttl("events.ids:ana").await));
    assert!((110_001..=120_000).contains(&ttl("events.session:pid").await));
    let mut keys: Vec<String> = sandbox.redis().keys("*").await.unwrap();
    keys.sort();
    assert_eq!(
        keys,
        [
            "events.ids:ana",
            "events.run",
            "events.session:pid",
            "events:ana"
        ]
    );
}

#[tokio::test]
async fn a_log_that_is_opened_anew_knows_no_ids() {
    let (sandbox, log) = log().await;
    log.open(LOG).await.unwrap();
    append_as(&log, "id").await;
    // It expired: the ids are kept for less than the log, but from later on.
    let _: () = sandbox.redis().del("events:ana").await.unwrap();
    log.open(LOG).await.unwrap();
    assert!(matches!(append_as(&log, "id").await, Appended::At(_)));
}

#[tokio::test]
async fn after_a_restart_everybody_goes_on() {
    let (sandbox, log) = log().await;
    let start = log.open(LOG).await.unwrap();
    append(&log, "one").await;
    let had = append(&log, "two").await;
    restart(&sandbox).await;
    assert_eq!(read(&log, start).await, Some(args(&["one", "two"])));
    assert_eq!(log.open(LOG).await.unwrap(), had);
    let after = append(&log, "three").await;
    assert!(after.epoch > had.epoch);
    assert!(append(&log, "four").await.follows(after));
    assert_eq!(
        read(&log, start).await,
        Some(args(&["one", "two", "three", "four"]))
    );
    assert_eq!(read(&log, had).await, Some(args(&["three", "four"])));
}

#[tokio::test]
async fn who_had_what_a_restart_forgot_reads_a_gap() {
    let (sandbox, log) = log().await;
    log.open(LOG).await.unwrap();
    let had = append(&log, "one").await;
    let written: Vec<u8> = ::redis::cmd("DUMP")
        .arg("events:ana")
        .query_async(&mut sandbox.redis())
        .await
        .unwrap();
    let had_more = append(&log, "forgotten").await;
    let () = ::redis::cmd("RESTORE")
        .arg("events:ana")
        .arg(0)
        .arg(written)
        .arg("REPLACE")
        .query_async(&mut sandbox.redis())
        .await
        .unwrap();
    restart(&sandbox).await;
    assert_eq!(read(&log, had_more).await, None);
    append(&log, "two").await;
    append(&log, "three").await;
    assert_eq!(read(&log, had_more).await, None);
    assert_eq!(read(&log, had).await, Some(args(&["two", "three"])));
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_tried_again() {
    let sandbox = Sandbox::with_outages().await;
    let log = log_at(&sandbox.redis_url());
    let witness = log_at(sandbox.direct_redis_url());
    let start = log.open(LOG).await.unwrap();

    sandbox.redis_proxy().hang();
    let lost = log.append(LOG, &said("id"), Some("id")).await;
    assert!(matches!(lost, Err(LogError::Unavailable(_))), "{lost:?}");
    sandbox.redis_proxy().cut();
    let refused = log.append(LOG, &said("id"), Some("id")).await;
    assert!(
        matches!(refused, Err(LogError::Unavailable(_))),
        "{refused:?}"
    );
    sandbox.redis_proxy().restore();
    eventually(PATIENCE, async || {
        log.append(LOG, &said("id"), Some("id")).await.is_ok()
    })
    .await;
    assert_eq!(read(&witness, start).await, Some(args(&["id"])));
}

#[tokio::test]
async fn what_is_no_log_is_told_from_an_outage() {
    let (sandbox, log) = log().await;
    let _: () = sandbox.redis().set("events:ana", "text").await.unwrap();
    let read = log
        .read(
            LOG,
            Offset {
                epoch: 0,
                position: 0,
            },
            1,
        )
        .await;
    assert!(matches!(read, Err(LogError::Corrupt(_))), "{read:?}");
}

#[tokio::test]
async fn a_redis_that_is_killed_has_lost_nothing_when_it_is_back() {
    let servers = OwnServers::start().await;
    let sandbox = Sandbox::on(&servers).await;
    let log = log_at(&sandbox.redis_url());
    let start = log.open(LOG).await.unwrap();
    append(&log, "one").await;
    let had = append(&log, "two").await;
    servers.redis().kill().await;
    assert!(log.heads(&[LOG]).await.is_err());
    servers.redis().start().await;
    let heads = eventually_some(PATIENCE, async || log.heads(&[LOG]).await.ok()).await;
    assert_eq!(heads, [Some(had)]);
    let after = append(&log, "three").await;
    assert!(
        after.epoch > had.epoch,
        "a run of Redis has an epoch of its own"
    );
    assert_eq!(
        read(&log, start).await,
        Some(args(&["one", "two", "three"]))
    );
    assert_eq!(read(&log, had).await, Some(args(&["three"])));
    drop((sandbox, servers));
}
