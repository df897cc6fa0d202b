use std::time::Duration;

use bson::{Document, oid::ObjectId};
use contracts::{
    events::v1::{Event, event::Fact},
    jobs::v1::{Job, Jobs, job::Work},
    topology::{EVENTS, JOBS},
};
use domain::Timestamp;
use runtime::Shutdown;
use store::{Lease, Outbox, OutboxRow, Round, StoreError};

use crate::{BusError, Message, Publisher};

/// Rows sent at a time.
const BATCH: i64 = 256;
/// Between two looks for rows of other replicas.
const IDLE: Duration = Duration::from_millis(250);

/// Carries what is in a service's outbox to the broker: one replica at a time,
/// oldest first, each row removed only after its confirm. A row may arrive
/// more than once, never not at all.
pub struct Relay {
    /// Where the rows are.
    pub outbox: Outbox,
    /// Whose turn it is.
    pub lease: Lease,
    /// The way to the broker.
    pub publisher: Publisher,
}

/// Why a round came to nothing or ended early; the rows are still there.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// MongoDB.
    #[error("outbox cannot be read or written: {0}")]
    Store(#[from] StoreError),
    /// RabbitMQ.
    #[error("{failed} of {sent} messages were not confirmed: {first}")]
    NotConfirmed {
        /// How many are left over.
        failed: usize,
        /// How many were sent.
        sent: usize,
        /// What became of the first of them.
        first: BusError,
    },
}

impl Relay {
    /// Works until the drain.
    pub async fn run(self, shutdown: Shutdown) {
        self.lease.work(&shutdown, &self).await;
    }
}

impl store::Work for Relay {
    type Error = RelayError;

    async fn wait(&self) {
        self.outbox.written(IDLE).await;
    }

    async fn round(&self) -> Result<Round, RelayError> {
        let rows = self.outbox.oldest(BATCH).await?;
        if rows.is_empty() {
            return Ok(Round::Done);
        }
        let messages: Vec<Message> = rows.iter().map(message).collect();
        let outcomes = self.publisher.publish_all(&messages).await;
        let (mut sent, mut failures) = (Vec::new(), Vec::new());
        for (row, outcome) in rows.iter().zip(outcomes) {
            match outcome {
                Ok(()) => sent.push(row.id),
                Err(error) => failures.push(error),
            }
        }
        if !sent.is_empty() {
            self.outbox.remove(sent).await?;
        }
        let failed = failures.len();
        match failures.into_iter().next() {
            Some(first) => Err(RelayError::NotConfirmed {
                failed,
                sent: rows.len(),
                first,
            }),
            None => Ok(Round::More),
        }
    }
}

/// The outbox row for a fact, with the trace that is going on.
#[must_use]
pub fn event_row(fact: Fact, at: Timestamp) -> OutboxRow {
    let (id, key) = (ObjectId::new(), fact.routing_key());
    let payload = Event::new(id, at, fact).to_bytes();
    OutboxRow::new(id, EVENTS, key, payload, trace(), at)
}

/// The outbox row for work on `queue`, with the trace that is going on.
#[must_use]
pub fn job_row(queue: &str, work: Work, at: Timestamp) -> OutboxRow {
    let id = ObjectId::new();
    let payload = Jobs::of(Job::new(id, at, work)).to_bytes();
    OutboxRow::new(id, JOBS, queue, payload, trace(), at)
}

/// The message that hands `job` to whoever reads `queue`, with the trace that
/// is going on.
#[must_use]
pub fn job_message(queue: &str, job: Job) -> Message {
    Message {
        id: job.id.clone(),
        exchange: JOBS.to_owned(),
        key: queue.to_owned(),
        headers: trace_headers(),
        payload: Jobs::of(job).to_bytes(),
    }
}

/// The trace that is going on, as an outbox row has it.
fn trace() -> Document {
    let headers = trace_headers().into_iter();
    headers.map(|(name, value)| (name, value.into())).collect()
}

/// The trace that is going on, as a message has it.
fn trace_headers() -> Vec<(String, String)> {
    let mut headers = Vec::new();
    telemetry::inject_context(|name, value| headers.push((name.to_owned(), value)));
    headers
}

fn message(row: &OutboxRow) -> Message {
    let span = tracing::info_span!(
        "bus.publish",
        otel.name = %format_args!("publish {}", row.key),
        otel.kind = "producer",
        messaging.system = "rabbitmq",
        messaging.destination.name = %row.exchange,
        messaging.message.id = %row.id,
    );
    telemetry::adopt_parent(&span, &|name| row.trace.get_str(name).ok());
    Message {
        id: row.id.to_hex(),
        exchange: row.exchange.clone(),
        key: row.key.clone(),
        headers: span.in_scope(trace_headers),
        payload: row.payload.bytes.clone(),
    }
}
