use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contracts::{
    jobs::v1::Jobs,
    topology::{DEAD_LETTERS, JOBS},
};
use domain::ErrorKind;
use lapin::options::QueueDeleteOptions;
use testkit::{Sandbox, eventually, eventually_some};
use tokio::time::{Instant, timeout};

use super::{PARTITION, Reading, left, publish_jobs, sorted};
use crate::{SOON, channel, dead, drain, header, job, jobs, message, numbers, publish};

#[tokio::test]
async fn an_outage_pauses_and_counts_against_nobody() {
    let sandbox = Sandbox::create().await;
    for kind in [
        ErrorKind::Unavailable,
        ErrorKind::RateLimited,
        ErrorKind::Unauthenticated,
        ErrorKind::Forbidden,
    ] {
        publish_jobs(&sandbox, 150, 1).await;
        let is_down = Arc::new(AtomicBool::new(true));
        let down = Arc::clone(&is_down);
        let mut reading = Reading::start(&sandbox, move |_| {
            let is_down = down.load(Ordering::SeqCst);
            if is_down { Err(kind) } else { Ok(()) }
        })
        .await;
        reading.has_called(4).await;
        // The same again each time.
        let calls = reading.calls();
        assert!(calls.iter().all(|call| *call == calls[0]), "{calls:?}");
        is_down.store(false, Ordering::SeqCst);
        reading.has_done(150).await;
        reading.end().await;
        assert_eq!(reading.done(), (0..150).collect::<Vec<_>>(), "{kind}");
    }
    assert!(dead(&sandbox).await.is_empty());
}

#[tokio::test]
async fn one_bad_job_of_many_goes_to_the_dead_letters_alone() {
    let sandbox = Sandbox::create().await;
    for kind in [ErrorKind::Invalid, ErrorKind::NotFound, ErrorKind::Conflict] {
        publish_jobs(&sandbox, 200, 20).await;
        let verdict = move |numbers: &[i64]| {
            let is_poisoned = numbers.contains(&77);
            if is_poisoned { Err(kind) } else { Ok(()) }
        };
        let mut reading = Reading::start(&sandbox, verdict).await;
        reading.has_done(199).await;
        reading.end().await;
        let others: Vec<i64> = (0..200).filter(|number| *number != 77).collect();
        assert_eq!(sorted(reading.done()), others, "each once");
        assert!(left(&sandbox).await.is_empty());

        let letters = drain(&sandbox, DEAD_LETTERS).await;
        assert_eq!(numbers(&letters), [77]);
        let told = |name| header(&letters[0], name).unwrap();
        assert_eq!(told("x-reason"), format!("so it is: {kind}"));
        assert_eq!(told("x-reason-kind"), kind.as_str());
        assert_eq!(told("x-queue"), PARTITION);
        assert_eq!(told("x-exchange"), JOBS);
        assert_eq!(told("x-key"), PARTITION);
        let id = letters[0].properties.message_id().clone().unwrap();
        assert_eq!(id.as_str(), jobs(&letters[0])[0].id);
    }
}

#[tokio::test]
async fn every_job_may_be_bad() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 24, 24).await;
    let mut reading = Reading::start(&sandbox, |_| Err(ErrorKind::Invalid)).await;
    let mut found = Vec::new();
    eventually(SOON, async || {
        found.extend(dead(&sandbox).await);
        found.len() == 24
    })
    .await;
    reading.end().await;
    assert_eq!(found, (0..24).collect::<Vec<_>>());
    assert!(left(&sandbox).await.is_empty());
}

#[tokio::test]
async fn a_defect_of_one_job_buries_it_after_several_attempts() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 4, 4).await;
    let verdict = |numbers: &[i64]| {
        let is_poisoned = numbers.contains(&2);
        if is_poisoned {
            Err(ErrorKind::Internal)
        } else {
            Ok(())
        }
    };
    let mut reading = Reading::start(&sandbox, verdict).await;
    reading.has_done(3).await;
    reading.end().await;
    let attempts = reading.calls().into_iter().filter(|call| *call == [2]);
    assert_eq!(attempts.count(), 6);
    assert_eq!(dead(&sandbox).await, [2]);
}

#[tokio::test]
async fn a_defect_that_passes_buries_nothing() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 200, 20).await;
    let began = Instant::now();
    let mut reading = Reading::start(&sandbox, move |_| {
        let is_over = began.elapsed() > Duration::from_secs(2);
        if is_over {
            Ok(())
        } else {
            Err(ErrorKind::Internal)
        }
    })
    .await;
    reading.has_done(200).await;
    reading.end().await;
    assert_eq!(reading.done(), (0..200).collect::<Vec<_>>());
    assert!(dead(&sandbox).await.is_empty());
}

#[tokio::test]
async fn a_batch_that_takes_too_long_is_halved_and_later_ones_grow_back() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 2000, 5).await;
    let is_slow = Arc::new(AtomicBool::new(true));
    let slow = Arc::clone(&is_slow);
    let mut reading = Reading::start(&sandbox, move |numbers| {
        if numbers.len() > 30 && slow.load(Ordering::SeqCst) {
            return Err(ErrorKind::Timeout);
        }
        slow.fetch_and(!numbers.contains(&300), Ordering::SeqCst);
        Ok(())
    })
    .await;
    reading.has_done(2000).await;
    reading.end().await;
    assert_eq!(reading.done(), (0..2000).collect::<Vec<_>>());
    let calls = reading.calls();
    let sizes: Vec<usize> = calls.iter().map(Vec::len).collect();
    assert_eq!(sizes[..3], [100, 50, 25], "{sizes:?}");
    assert!(sizes[sizes.len() - 2..].contains(&100), "{sizes:?}");
    assert!(dead(&sandbox).await.is_empty());
}

#[tokio::test]
async fn a_single_job_that_takes_too_long_is_tried_for_ever() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 1, 1).await;
    let mut reading = Reading::start(&sandbox, |_| Err(ErrorKind::Timeout)).await;
    reading.has_called(5).await;
    reading.end().await;
    assert!(dead(&sandbox).await.is_empty());
    assert_eq!(left(&sandbox).await, [0]);
}

#[tokio::test]
async fn what_cannot_be_read_goes_to_the_dead_letters_and_the_rest_proceeds() {
    let sandbox = Sandbox::create().await;
    let mut garbage = message(PARTITION, Vec::new());
    garbage.payload = b"not a message of ours".to_vec();
    // Work of a kind that is only known to those who come later: field 99.
    let mut unknown = job(7);
    unknown.work = None;
    let mut bytes = Jobs {
        jobs: vec![job(1), unknown.clone(), job(2)],
    }
    .to_bytes();
    let later = [0x9a, 0x06, 3, b'n', b'e', b'w'];
    let at = bytes.windows(24).position(|it| it == unknown.id.as_bytes());
    let at = at.unwrap();
    // Behind its id; the length of the job is two bytes before that.
    bytes.splice(at + 24..at + 24, later);
    bytes[at - 3] += u8::try_from(later.len()).unwrap();
    let mut mixed = message(PARTITION, Vec::new());
    mixed.payload = bytes;
    let empty = message(PARTITION, Vec::new());
    let last = message(PARTITION, vec![job(3)]);
    publish(&sandbox, &[garbage.clone(), mixed, empty, last]).await;

    let mut reading = Reading::start(&sandbox, |_| Ok(())).await;
    reading.has_done(3).await;
    reading.end().await;
    assert_eq!(reading.done(), [1, 2, 3]);
    assert!(left(&sandbox).await.is_empty());
    let letters = drain(&sandbox, DEAD_LETTERS).await;
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].data, garbage.payload);
    assert_eq!(numbers(&letters[1..]), [7]);
    assert!(letters[1].data.windows(6).any(|it| it == later));
    for letter in &letters {
        assert_eq!(header(letter, "x-reason-kind").unwrap(), "invalid");
        assert_eq!(header(letter, "x-key").unwrap(), PARTITION);
    }
}

#[tokio::test]
async fn a_dead_letter_that_is_not_confirmed_holds_its_batch() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 20, 20).await;
    let (_connection, channel) = channel(&sandbox).await;
    let delete = channel.queue_delete(DEAD_LETTERS.into(), QueueDeleteOptions::default());
    delete.await.unwrap();
    let mut reading = Reading::start(&sandbox, |numbers| {
        let is_poisoned = numbers.contains(&5);
        if is_poisoned {
            Err(ErrorKind::Invalid)
        } else {
            Ok(())
        }
    })
    .await;
    let past_it = timeout(Duration::from_secs(1), reading.has_done(6)).await;
    assert!(past_it.is_err(), "the poison was left behind");
    bus::declare_topology(sandbox.direct_amqp_url().await)
        .await
        .unwrap();
    reading.has_done(19).await;
    reading.end().await;
    assert_eq!(dead(&sandbox).await, [5]);
    assert!(left(&sandbox).await.is_empty());
}

#[tokio::test]
async fn poison_is_not_forgotten_when_the_broker_goes_while_it_is_buried() {
    let sandbox = Arc::new(Sandbox::with_outages().await);
    publish_jobs(&sandbox, 20, 20).await;
    let outage = Arc::clone(&sandbox);
    let is_first = AtomicBool::new(true);
    let reading = Reading::start(&sandbox, move |numbers| {
        if numbers == [5] && is_first.fetch_and(false, Ordering::SeqCst) {
            outage.amqp_proxy().cut();
        }
        let is_poisoned = numbers.contains(&5);
        if is_poisoned {
            Err(ErrorKind::Invalid)
        } else {
            Ok(())
        }
    })
    .await;
    eventually(SOON, async || reading.calls().contains(&vec![5])).await;
    sandbox.amqp_proxy().restore();
    let found = eventually_some(SOON, async || dead(&sandbox).await.first().copied()).await;
    assert_eq!(found, 5);
    eventually(SOON, async || {
        let done = sorted(reading.done());
        (0..20).filter(|it| *it != 5).all(|it| done.contains(&it))
    })
    .await;
}
