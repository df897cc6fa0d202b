use std::{collections::HashMap, time::Duration};

use bus::{AmqpSettings, BatchHandler, BatchLimits, PartitionConsumer};
use cache::{Assignment, CacheError, LEASE_LIFE, Shares};
use contracts::topology::PartitionedQueue;
use runtime::Shutdown;
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// Between two renewals of the leases.
const RENEWAL: Duration = Duration::from_secs(1);

/// This replica's part of the work on a partitioned queue: a reader for each
/// partition that it has the lease of.
///
/// Leases are there for fairness, not for safety: that a partition has one
/// reader is the broker's promise (single active consumer), and that it would
/// not matter if it had two is the versions'. So when Redis cannot say who has
/// which lease, every replica stands in line at every partition, and the
/// broker takes whoever comes first: nothing is left unread because of an outage.
pub(crate) struct Partitions<H> {
    queue: PartitionedQueue,
    shares: Shares,
    amqp: AmqpSettings,
    limits: BatchLimits,
    handler: H,
    /// What it had the leases of when Redis last said so.
    held: Vec<&'static str>,
    /// When that was; at first, when it began to ask.
    known_at: Instant,
    running: HashMap<&'static str, Running>,
    readers: JoinSet<()>,
}

struct Running {
    task: Id,
    stop: CancellationToken,
}

impl<H: BatchHandler + Clone + 'static> Partitions<H> {
    pub(crate) fn new(
        queue: PartitionedQueue,
        shares: Shares,
        amqp: &AmqpSettings,
        limits: BatchLimits,
        handler: H,
    ) -> Self {
        Self {
            queue,
            shares,
            amqp: amqp.clone(),
            limits,
            handler,
            held: Vec::new(),
            known_at: Instant::now(),
            running: HashMap::new(),
            readers: JoinSet::new(),
        }
    }

    /// Reads until the drain, then finishes what is at hand and leaves.
    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let mut renewals = interval(RENEWAL);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shutdown.draining() => break,
                Some(ended) = self.readers.join_next_with_id() => self.release(ended).await,
                _ = renewals.tick() => self.renew().await,
            }
        }
        for reader in self.running.values() {
            reader.stop.cancel();
        }
        while let Some(ended) = self.readers.join_next_with_id().await {
            self.release(ended).await;
        }
        if let Err(error) = self.shares.leave().await {
            tracing::debug!(queue = self.queue.name, %error, "leases are left to run out");
        }
    }

    async fn renew(&mut self) {
        match self.shares.renew(&self.held).await {
            Ok(assignment) => self.follow(assignment),
            Err(error) => self.go_on_without(&error),
        }
        self.report();
    }

    /// Reads what is ours and nothing else. Of what is too much, the lease is
    /// kept until its reader has ended.
    fn follow(&mut self, assignment: Assignment) {
        let Assignment { keep, hand_over } = assignment;
        for (partition, reader) in &self.running {
            if !keep.contains(partition) && !reader.stop.is_cancelled() {
                tracing::info!(partition, "partition given up");
                reader.stop.cancel();
            }
        }
        for partition in &keep {
            self.read(partition);
        }
        self.known_at = Instant::now();
        self.held = keep;
        self.held.extend(hand_over);
    }

    fn go_on_without(&mut self, error: &CacheError) {
        if self.known_at.elapsed() <= LEASE_LIFE {
            tracing::warn!(queue = self.queue.name, %error, "leases not renewed");
            return;
        }
        for partition in self.queue.partitions {
            self.read(partition);
        }
    }

    fn read(&mut self, partition: &'static str) {
        if self.running.contains_key(partition) {
            return;
        }
        tracing::info!(partition, "partition taken");
        let stop = CancellationToken::new();
        let consumer = PartitionConsumer::new(&self.amqp, partition, self.limits);
        let reader = consumer.run(stop.clone(), self.handler.clone());
        let task = self.readers.spawn(reader).id();
        self.running.insert(partition, Running { task, stop });
    }

    /// Lets others have the partition whose reader has ended. One that ended by
    /// a defect is begun again at the next renewal.
    async fn release(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match &ended {
            Ok((task, ())) => *task,
            Err(error) => error.id(),
        };
        let mut readers = self.running.iter();
        let Some((&partition, _)) = readers.find(|(_, reader)| reader.task == task) else {
            return;
        };
        self.running.remove(partition);
        if let Err(error) = ended {
            tracing::error!(partition, %error, "reader failed");
        } else {
            if let Err(error) = self.shares.release(partition).await {
                tracing::debug!(partition, %error, "lease is left to run out");
            }
            self.held.retain(|held| *held != partition);
        }
        self.report();
    }

    fn report(&self) {
        let gauge = |name: &'static str, count: usize| {
            let value = u32::try_from(count).unwrap_or(u32::MAX);
            metrics::gauge!(name, "queue" => self.queue.name).set(value);
        };
        gauge("worker_partitions_held", self.held.len());
        gauge("worker_partitions_read", self.running.len());
    }
}
