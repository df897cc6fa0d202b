mod failures;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bus::{AmqpSettings, BatchHandler, BatchLimits, NotHandled, PartitionConsumer, Publisher};
use contracts::{jobs::v1::Job, topology::LIKES};
use domain::ErrorKind;
use testkit::{Sandbox, eventually, eventually_some};
use tokio::{sync::Semaphore, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{SOON, direct_settings, drain, job, message, numbers, publish, settings};

const PARTITION: &str = LIKES.partitions[3];
const LIMITS: BatchLimits = BatchLimits {
    jobs: 100,
    wait: Duration::from_millis(20),
};

/// What becomes of a call with the jobs of these numbers.
type Verdict = Box<dyn Fn(&[i64]) -> Result<(), ErrorKind> + Send + Sync>;

/// Calls of a handler, and what it is to answer.
struct Work {
    verdict: Verdict,
    /// Each call takes one.
    permits: Semaphore,
    calls: Mutex<Vec<Vec<i64>>>,
    done: Mutex<Vec<i64>>,
}

struct Handling(Arc<Work>);

impl BatchHandler for Handling {
    async fn handle(&self, partition: &'static str, jobs: &[Job]) -> Result<(), NotHandled> {
        assert_eq!(partition, PARTITION);
        let numbers: Vec<i64> = jobs.iter().map(|job| job.version).collect();
        self.0.calls.lock().unwrap().push(numbers.clone());
        self.0.permits.acquire().await.unwrap().forget();
        (self.0.verdict)(&numbers).map_err(|kind| NotHandled {
            kind,
            reason: format!("so it is: {kind}"),
        })?;
        self.0.done.lock().unwrap().extend(numbers);
        Ok(())
    }
}

/// A consumer at work; dropped, it is as if its process had died.
struct Reading {
    work: Arc<Work>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Reading {
    async fn start(
        sandbox: &Sandbox,
        verdict: impl Fn(&[i64]) -> Result<(), ErrorKind> + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(sandbox, Semaphore::MAX_PERMITS, verdict).await
    }

    /// One whose handler finishes `permits` calls and no more.
    async fn start_with(
        sandbox: &Sandbox,
        permits: usize,
        verdict: impl Fn(&[i64]) -> Result<(), ErrorKind> + Send + Sync + 'static,
    ) -> Self {
        Self::begin(&settings(sandbox).await, permits, verdict)
    }

    fn begin(
        settings: &AmqpSettings,
        permits: usize,
        verdict: impl Fn(&[i64]) -> Result<(), ErrorKind> + Send + Sync + 'static,
    ) -> Self {
        let work = Arc::new(Work {
            verdict: Box::new(verdict),
            permits: Semaphore::new(permits),
            calls: Mutex::default(),
            done: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let consumer = PartitionConsumer::new(settings, PARTITION, LIMITS);
        let task = tokio::spawn(consumer.run(stop.clone(), Handling(Arc::clone(&work))));
        Self { work, stop, task }
    }

    fn calls(&self) -> Vec<Vec<i64>> {
        self.work.calls.lock().unwrap().clone()
    }

    fn done(&self) -> Vec<i64> {
        self.work.done.lock().unwrap().clone()
    }

    async fn has_done(&self, count: usize) {
        eventually(SOON, async || self.done().len() >= count).await;
    }

    async fn has_called(&self, count: usize) {
        eventually(SOON, async || self.calls().len() >= count).await;
    }

    /// Stops it and waits for its end.
    async fn end(&mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Publishes jobs `0..count`, `each` to a message.
async fn publish_jobs(sandbox: &Sandbox, count: i64, each: usize) {
    let all: Vec<i64> = (0..count).collect();
    let messages = all.chunks(each).map(|numbers| {
        let jobs = numbers.iter().map(|number| job(*number));
        message(PARTITION, jobs.collect())
    });
    publish(sandbox, &messages.collect::<Vec<_>>()).await;
}

fn sorted(mut numbers: Vec<i64>) -> Vec<i64> {
    numbers.sort_unstable();
    numbers
}

/// What a consumer that has ended has left in the queue.
async fn left(sandbox: &Sandbox) -> Vec<i64> {
    numbers(&drain(sandbox, PARTITION).await)
}

#[tokio::test]
async fn what_waits_is_handled_in_batches_in_its_order_and_acknowledged() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 1000, 8).await;
    let mut reading = Reading::start(&sandbox, |_| Ok(())).await;
    reading.has_done(1000).await;
    reading.end().await;
    assert_eq!(reading.done(), (0..1000).collect::<Vec<_>>());
    // Twelve messages of eight jobs fit, and thirteen do not.
    let largest = reading.calls().iter().map(Vec::len).max();
    assert_eq!(largest, Some(96));
    assert!(left(&sandbox).await.is_empty());
}

#[tokio::test]
async fn a_message_with_more_than_a_batch_is_handled_in_pieces() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 250, 250).await;
    let mut reading = Reading::start(&sandbox, |_| Ok(())).await;
    reading.has_done(250).await;
    reading.end().await;
    let sizes: Vec<usize> = reading.calls().iter().map(Vec::len).collect();
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(reading.done(), (0..250).collect::<Vec<_>>());
    assert!(left(&sandbox).await.is_empty());
}

#[tokio::test]
async fn a_job_alone_does_not_wait_for_a_batch() {
    let sandbox = Sandbox::create().await;
    let reading = Reading::start(&sandbox, |_| Ok(())).await;
    publish_jobs(&sandbox, 1, 1).await;
    reading.has_done(1).await;
}

#[tokio::test]
async fn what_a_dead_consumer_had_comes_again() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 300, 50).await;
    // Two batches are done; the third is not when it dies.
    let dying = Reading::start_with(&sandbox, 2, |_| Ok(())).await;
    dying.has_called(3).await;
    assert_eq!(dying.done().len(), 200);
    drop(dying);
    let next = Reading::start(&sandbox, |_| Ok(())).await;
    next.has_done(100).await;
    eventually(SOON, async || next.done() == (200..300).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn nothing_is_acknowledged_before_all_of_it_is_done() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 250, 250).await;
    let dying = Reading::start_with(&sandbox, 2, |_| Ok(())).await;
    dying.has_called(3).await;
    drop(dying);
    let mut next = Reading::start(&sandbox, |_| Ok(())).await;
    next.has_done(250).await;
    next.end().await;
    assert_eq!(next.done(), (0..250).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stop_ends_a_pause_at_once_and_everything_goes_back() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 300, 50).await;
    let mut reading = Reading::start(&sandbox, |_| Err(ErrorKind::Unavailable)).await;
    // The pause that follows lasts 1.6 s.
    reading.has_called(5).await;
    let began = Instant::now();
    reading.end().await;
    assert!(began.elapsed() < Duration::from_secs(1));
    let back = eventually_some(SOON, async || {
        let back = left(&sandbox).await;
        (!back.is_empty()).then_some(back)
    })
    .await;
    assert_eq!(back, (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stop_lets_the_batch_at_hand_finish_and_leaves_the_others() {
    let sandbox = Sandbox::create().await;
    publish_jobs(&sandbox, 300, 50).await;
    let mut reading = Reading::start_with(&sandbox, 0, |_| Ok(())).await;
    reading.has_called(1).await;
    reading.stop.cancel();
    reading.work.permits.add_permits(10);
    reading.end().await;
    assert_eq!(reading.done(), (0..100).collect::<Vec<_>>());
    assert_eq!(left(&sandbox).await, (100..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn of_two_consumers_one_reads_and_the_other_goes_on_where_it_stopped() {
    let sandbox = Sandbox::create().await;
    let mut first = Reading::start(&sandbox, |_| Ok(())).await;
    publish_jobs(&sandbox, 1, 1).await;
    first.has_done(1).await;
    let mut second = Reading::start(&sandbox, |_| Ok(())).await;
    let publisher = Publisher::new(&settings(&sandbox).await, "test");
    for number in 1..200 {
        let next = message(PARTITION, vec![job(number)]);
        publisher.publish(&next).await.unwrap();
        if number == 100 {
            first.end().await;
        }
    }
    let all = |second: &Reading| [first.done(), second.done()].concat();
    eventually(SOON, async || all(&second).len() >= 200).await;
    second.end().await;
    assert_eq!(all(&second), (0..200).collect::<Vec<_>>());
    assert!(second.done().len() >= 99);
    assert!(left(&sandbox).await.is_empty());
}

#[tokio::test]
async fn after_an_outage_of_the_broker_reading_goes_on() {
    let sandbox = Sandbox::with_outages().await;
    publish_jobs(&sandbox, 100, 10).await;
    let reading = Reading::start_with(&sandbox, 0, |_| Ok(())).await;
    reading.has_called(1).await;
    // The batch is done while the broker is away, and comes again.
    sandbox.amqp_proxy().cut();
    reading.work.permits.add_permits(100);
    reading.has_done(100).await;
    sandbox.amqp_proxy().restore();
    reading.has_done(200).await;
    assert_eq!(reading.done()[100..], (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_that_somebody_else_has_by_now_is_left_alone() {
    let sandbox = Sandbox::with_outages().await;
    publish_jobs(&sandbox, 10, 10).await;
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let first = Reading::start(&sandbox, move |_| {
        let is_down = down.load(Ordering::SeqCst);
        if is_down {
            Err(ErrorKind::Unavailable)
        } else {
            Ok(())
        }
    })
    .await;
    first.has_called(1).await;
    sandbox.amqp_proxy().cut();
    let past_the_proxy = direct_settings(&sandbox).await;
    let mut next = Reading::begin(&past_the_proxy, Semaphore::MAX_PERMITS, |_| Ok(()));
    next.has_done(10).await;
    next.end().await;
    is_down.store(false, Ordering::SeqCst);
    sandbox.amqp_proxy().restore();
    publish(&sandbox, &[message(PARTITION, vec![job(10)])]).await;
    first.has_done(1).await;
    assert_eq!(first.done(), [10]);
}
