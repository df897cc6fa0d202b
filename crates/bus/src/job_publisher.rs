use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use contracts::{
    jobs::v1::{Job, Jobs},
    topology::{JOBS, PARTITIONS, PartitionedQueue},
};
use prost::Message as _;
use runtime::Shutdown;
use tokio::{sync::oneshot, time::timeout};
use tracing::Instrument;

use crate::{BusError, Message, Publisher, publisher::CONFIRM_TIMEOUT};

/// Most jobs that one message carries.
const MESSAGE_JOBS: usize = 256;
/// Most bytes of jobs that one message carries, unless it is a single job.
const MESSAGE_BYTES: usize = 64 * 1024;
/// Most jobs of a partition that wait for their turn: some seconds' worth.
const WAITING: usize = 4096;

/// Publishes jobs of a partitioned queue by group commit: those that come for
/// a partition while its last message is not confirmed go out together in the
/// next, and are answered by its confirm.
///
/// The broker's work is by the message, and so is the confirm's wait for its
/// disks; a job alone goes out at once. The name and the idea are of databases
/// that write the commits of many transactions to the log at a time (`DeWitt`
/// et al., *Implementation Techniques for Main Memory Database Systems*, 1984).
///
/// Cheap to clone; clones share what waits.
#[derive(Clone)]
pub struct JobPublisher {
    queue: PartitionedQueue,
    partitions: Arc<[Arc<Partition>; PARTITIONS]>,
    shutdown: Shutdown,
}

struct Partition {
    name: &'static str,
    publisher: Publisher,
    buffer: Mutex<Buffer>,
}

#[derive(Default)]
struct Buffer {
    waiting: VecDeque<Waiting>,
    /// Whether a task works on what waits.
    has_task: bool,
}

/// A job and who waits for its confirm.
struct Waiting {
    job: Job,
    answer: Answer,
}

type Answer = oneshot::Sender<Result<(), BusError>>;

impl JobPublisher {
    /// Publishes to `queue` through `publisher`. What works on the jobs that
    /// wait is a task of `shutdown`, so the drain lets it finish.
    #[must_use]
    pub fn new(publisher: &Publisher, queue: PartitionedQueue, shutdown: &Shutdown) -> Self {
        let partitions = queue.partitions.map(|name| {
            Arc::new(Partition {
                name,
                publisher: publisher.clone(),
                buffer: Mutex::default(),
            })
        });
        Self {
            queue,
            partitions: Arc::new(partitions),
            shutdown: shutdown.clone(),
        }
    }

    /// Publishes `job` to the partition for `key`, the bytes of the id that it
    /// is about, with the trace that is going on, and waits until the broker
    /// has confirmed the message that carries it. Anything but `Ok` may have
    /// arrived or not. A job whose caller is gone is not published any more
    /// when its turn comes.
    pub async fn publish(&self, key: &[u8], job: Job) -> Result<(), BusError> {
        let name = self.queue.partition_of(key);
        let partition = self.partitions.iter().find(|it| it.name == name);
        let partition = partition.ok_or(BusError::Unroutable)?;
        let span = tracing::info_span!(
            "bus.publish_job",
            otel.name = %format_args!("publish {}", self.queue.name),
            otel.kind = "producer",
            messaging.system = "rabbitmq",
            messaging.destination.name = name,
            messaging.message.id = job.id,
        );
        self.commit(partition, job).instrument(span).await
    }

    async fn commit(&self, partition: &Arc<Partition>, mut job: Job) -> Result<(), BusError> {
        telemetry::inject_context(|name, value| {
            job.trace.insert(name.to_owned(), value);
        });
        let (answer, confirmed) = oneshot::channel();
        if partition.add(Waiting { job, answer })? {
            self.shutdown.spawn(Arc::clone(partition).flush());
        }
        let confirmed = timeout(CONFIRM_TIMEOUT, confirmed).await;
        // Without an answer, the task was dropped: the service stops.
        confirmed
            .or(Err(BusError::Timeout))?
            .unwrap_or(Err(BusError::NotConfirmed))
    }
}

impl Partition {
    /// Lets a job wait for its turn; true if nobody works on what waits.
    fn add(&self, job: Waiting) -> Result<bool, BusError> {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.waiting.len() >= WAITING {
            return Err(BusError::Overloaded);
        }
        buffer.waiting.push_back(job);
        Ok(!std::mem::replace(&mut buffer.has_task, true))
    }

    /// Publishes message after message until nothing waits.
    async fn flush(self: Arc<Self>) {
        while let Some(together) = self.next() {
            let count = u32::try_from(together.len()).unwrap_or(u32::MAX);
            metrics::histogram!("bus_jobs_per_message").record(count);
            let split = together.into_iter().map(|it| (it.job, it.answer));
            let (jobs, answers): (Vec<Job>, Vec<Answer>) = split.unzip();
            let message = Message {
                id: jobs.first().map(|job| job.id.clone()).unwrap_or_default(),
                exchange: JOBS.to_owned(),
                key: self.name.to_owned(),
                headers: Vec::new(),
                payload: Jobs { jobs }.to_bytes(),
            };
            let outcome = self.publisher.publish(&message).await;
            for answer in answers {
                // Who is gone meanwhile does not want to know.
                let _ = answer.send(outcome.clone());
            }
        }
    }

    /// What the next message carries; none when nothing waits, and then the
    /// next job needs another task.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut together, mut bytes) = (Vec::new(), 0);
        while let Some(next) = buffer.waiting.pop_front() {
            if next.answer.is_closed() {
                continue;
            }
            bytes += next.job.encoded_len();
            let is_full = together.len() == MESSAGE_JOBS || bytes > MESSAGE_BYTES;
            if is_full && !together.is_empty() {
                buffer.waiting.push_front(next);
                break;
            }
            together.push(next);
        }
        buffer.has_task = !together.is_empty();
        buffer.has_task.then_some(together)
    }
}
