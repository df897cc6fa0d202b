mod arrivals;
mod pace;
mod settling;

use std::{convert::Infallible, time::Duration};

use contracts::{jobs::v1::Job, timestamp_of};
use lapin::{
    Channel, Connection,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    types::FieldTable,
};
use runtime::{Clock, SystemClock};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::{
    arrivals::{Arrivals, Batch},
    pace::Pace,
    settling::{Interrupted, Settling},
};
use crate::{AmqpSettings, BusError, NotHandled, burial::Burial, publisher::connect};

/// Longest wait for the broker when the consumer is set up or closed.
const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts to reach the broker.
const RECONNECT: Duration = Duration::from_millis(500);
/// Messages that the broker sends ahead. Of full ones that is a few megabytes;
/// of messages with one job each, it is what a batch can be made of.
const PREFETCH: u16 = 128;
/// Between two looks at how much waits.
const MEASURE: Duration = Duration::from_secs(3);

/// What is done with the jobs of a partition.
pub trait BatchHandler: Send + Sync {
    /// Does the work of jobs of one partition, in their order, all or nothing.
    /// They may come again although their work is done.
    fn handle(
        &self,
        partition: &'static str,
        jobs: &[Job],
    ) -> impl Future<Output = Result<(), NotHandled>> + Send;
}

/// How much is handled at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most jobs of a batch, at least 1.
    pub jobs: usize,
    /// How long the first job of a batch waits for others.
    pub wait: Duration,
}

/// Reads one partition of a queue in batches, one after the other, and
/// acknowledges each when all its work is done.
///
/// Consumers see jobs, not messages. What a failure does follows from its kind:
///
/// - An outage, a limit, or a refused credential is nobody's fault here: the
///   partition pauses, with growing pauses, and tries the same again for ever.
/// - A deadline: the batch is halved, and later ones grow back slowly.
/// - A job that can never succeed is found by bisection and goes to the dead
///   letters, alone and with its reason; the others proceed.
/// - A defect may be of a job or of everything, so a single job gets several
///   attempts before it is given up.
pub struct PartitionConsumer {
    settings: AmqpSettings,
    partition: &'static str,
    limits: BatchLimits,
    burial: Burial,
}

impl PartitionConsumer {
    /// A reader of `partition`. It registers with the broker when it runs, and
    /// is given messages when no other is there before it.
    #[must_use]
    pub fn new(settings: &AmqpSettings, partition: &'static str, limits: BatchLimits) -> Self {
        Self {
            settings: settings.clone(),
            partition,
            limits,
            burial: Burial::new(settings, partition),
        }
    }

    /// Reads until `stop`: finishes the batch at hand, acknowledges it, and
    /// leaves. A pause ends at once, and what it was for goes back to the queue.
    pub async fn run(self, stop: CancellationToken, handler: impl BatchHandler) {
        let mut pace = Pace::new(self.limits.jobs);
        while !stop.is_cancelled() {
            if let Err(error) = self.read(&mut pace, &stop, &handler).await {
                tracing::warn!(
                    queue = self.partition,
                    %error,
                    "partition cannot be read, is tried again"
                );
                tokio::select! {
                    () = sleep(RECONNECT) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        // Whoever reads it from now on tells how much waits.
        metrics::gauge!("bus_queue_messages", "queue" => self.partition).set(0);
    }

    /// Ends with `stop` or with the connection.
    async fn read(
        &self,
        pace: &mut Pace,
        stop: &CancellationToken,
        handler: &impl BatchHandler,
    ) -> Result<(), BusError> {
        let (connection, arrivals) = tokio::select! {
            set_up = timeout(BROKER_TIMEOUT, self.set_up()) => {
                set_up.or(Err(BusError::Timeout))??
            }
            () = stop.cancelled() => return Ok(()),
        };
        let outcome = tokio::select! {
            outcome = self.settle_all(arrivals, pace, stop, handler) => outcome,
            never = self.measure(&connection) => match never {},
        };
        let close = timeout(BROKER_TIMEOUT, connection.close(200, "done".into()));
        // Of a connection that is gone there is nothing to close.
        let _ = close.await;
        outcome
    }

    async fn set_up(&self) -> Result<(Connection, Arrivals), BusError> {
        let connection = connect(&self.settings.amqp_url, self.partition).await?;
        let channel = connection.create_channel().await?;
        channel
            .basic_qos(PREFETCH, BasicQosOptions::default())
            .await?;
        let deliveries = channel
            .basic_consume(
                self.partition.into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok((connection, Arrivals::new(self.partition, deliveries)))
    }

    async fn settle_all(
        &self,
        mut arrivals: Arrivals,
        pace: &mut Pace,
        stop: &CancellationToken,
        handler: &impl BatchHandler,
    ) -> Result<(), BusError> {
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                batch = arrivals.gather(self.limits) => batch?,
            };
            let mut settling = Settling {
                partition: self.partition,
                handler,
                burial: &self.burial,
                pace,
                stop,
                acker: &batch.acker,
            };
            let outcome = settling.settle(&batch).await;
            metrics::gauge!("bus_paused", "queue" => self.partition).set(0);
            match outcome {
                Ok(()) => {}
                Err(Interrupted::Stopped) => return Ok(()),
                Err(Interrupted::Disconnected) => return Err(BusError::ConsumerEnded),
            }
            // Through the delivery's own acker, which knows its channel. False:
            // the channel is gone, and the batch comes again.
            let all_of_them = BasicAckOptions { multiple: true };
            if !batch.acker.ack(all_of_them).await? {
                return Err(BusError::ConsumerEnded);
            }
            self.count(&batch);
        }
    }

    fn count(&self, batch: &Batch) {
        let settled = batch.jobs.len() + batch.dead.len();
        let settled = u64::try_from(settled).unwrap_or(u64::MAX);
        metrics::counter!("bus_settled_total", "queue" => self.partition).increment(settled);
        let accepted = batch.jobs.iter().filter_map(|job| job.accepted_at);
        if let Some(oldest) = accepted.map(timestamp_of).min() {
            let lag = SystemClock.now().since(oldest);
            metrics::histogram!("bus_job_lag_seconds", "queue" => self.partition).record(lag);
        }
    }

    /// Tells how much waits, over and over. On a channel of its own: what the
    /// broker cannot tell at the moment must not end the reading.
    async fn measure(&self, connection: &Connection) -> Infallible {
        let mut channel: Option<Channel> = None;
        let mut ticks = interval(MEASURE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if !channel.as_ref().is_some_and(|it| it.status().connected()) {
                channel = connection.create_channel().await.ok();
            }
            let Some(channel) = &channel else { continue };
            if let Ok(waiting) = waiting(channel, self.partition).await {
                metrics::gauge!("bus_queue_messages", "queue" => self.partition).set(waiting);
            }
        }
    }
}

/// Messages in `queue` that nobody has been given yet.
pub(crate) async fn waiting(channel: &Channel, queue: &str) -> Result<u32, BusError> {
    let ask = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare(queue.into(), ask, FieldTable::default())
        .await?;
    Ok(queue.message_count())
}
