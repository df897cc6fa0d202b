use contracts::jobs::v1::{Job, Jobs};
use domain::ErrorKind;
use futures_util::StreamExt;
use lapin::{Acker, Consumer, message::Delivery};
use prost::Message as _;
use tokio::time::{Instant, timeout_at};

use super::BatchLimits;
use crate::{BusError, NotHandled, burial::Dead, consumer::dead};

/// Whole messages of a partition, to be acknowledged together.
pub(super) struct Batch {
    pub(super) jobs: Vec<Job>,
    /// What cannot be read, and why.
    pub(super) dead: Vec<(Dead, NotHandled)>,
    /// Of the last message.
    pub(super) acker: Acker,
}

/// The messages of a partition as they come.
pub(super) struct Arrivals {
    partition: &'static str,
    deliveries: Consumer,
    /// A message that did not fit into the batch before.
    held: Option<Batch>,
}

impl Arrivals {
    pub(super) fn new(partition: &'static str, deliveries: Consumer) -> Self {
        Self {
            partition,
            deliveries,
            held: None,
        }
    }

    /// The next batch: as many messages as `limits` allow. A first message with
    /// more jobs is a batch by itself.
    pub(super) async fn gather(&mut self, limits: BatchLimits) -> Result<Batch, BusError> {
        let mut batch = match self.held.take() {
            Some(held) => held,
            None => self.next().await?,
        };
        let until = Instant::now() + limits.wait;
        while batch.jobs.len() < limits.jobs {
            let Ok(next) = timeout_at(until, self.next()).await else {
                break;
            };
            let next = next?;
            if batch.jobs.len() + next.jobs.len() > limits.jobs {
                self.held = Some(next);
                break;
            }
            batch.jobs.extend(next.jobs);
            batch.dead.extend(next.dead);
            batch.acker = next.acker;
        }
        Ok(batch)
    }

    /// The next message.
    async fn next(&mut self) -> Result<Batch, BusError> {
        let delivery = self.deliveries.next().await.transpose()?;
        let delivery = delivery.ok_or(BusError::ConsumerEnded)?;
        if delivery.redelivered {
            metrics::counter!("bus_redelivered_total", "queue" => self.partition).increment(1);
        }
        Ok(read(&delivery))
    }
}

fn read(delivery: &Delivery) -> Batch {
    let mut batch = Batch {
        jobs: Vec::new(),
        dead: Vec::new(),
        acker: delivery.acker.clone(),
    };
    let refuse = |reason: String| NotHandled {
        kind: ErrorKind::Invalid,
        reason,
    };
    let all = match Jobs::from_bytes(&delivery.data) {
        Ok(Jobs { jobs }) => jobs,
        Err(error) => {
            let why = refuse(format!("not jobs: {error}"));
            batch.dead.push((dead(delivery), why));
            return batch;
        }
    };
    batch.jobs.reserve_exact(all.len());
    for (number, job) in all.into_iter().enumerate() {
        if job.work.is_some() {
            batch.jobs.push(job);
            continue;
        }
        let dead = Dead {
            id: job.id,
            payload: alone(&delivery.data, number),
            ..dead(delivery)
        };
        let why = refuse("work that is not known here".to_owned());
        batch.dead.push((dead, why));
    }
    batch
}

/// [`Jobs`] that leaves each job as it came: reading one drops what this side
/// does not know, and that may be the work itself.
#[derive(Clone, PartialEq, prost::Message)]
struct RawJobs {
    #[prost(bytes = "vec", repeated, tag = "1")]
    jobs: Vec<Vec<u8>>,
}

/// The message with nothing but its job `number`.
fn alone(message: &[u8], number: usize) -> Vec<u8> {
    let raw = RawJobs::decode(message).unwrap_or_default();
    let jobs = raw.jobs.into_iter().skip(number).take(1).collect();
    RawJobs { jobs }.encode_to_vec()
}
