use contracts::{
    jobs::v1::{Job, Jobs},
    topology::JOBS,
};
use domain::ErrorKind;
use lapin::Acker;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::{BatchHandler, arrivals::Batch, pace::Pace};
use crate::{
    NotHandled,
    burial::{ATTEMPTS, Burial, Dead},
};

/// Why a batch was left alone; it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// By whoever runs the consumer.
    Stopped,
    /// The broker has given the batch to somebody else by now.
    Disconnected,
}

/// What helps against a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// To wait: the jobs are not to blame.
    Pause,
    /// To try fewer at a time.
    Halve,
    /// To find the job that is to blame, and bury it.
    Bisect,
    /// The same, if the job fails often enough.
    Doubt,
}

impl Remedy {
    fn of(kind: ErrorKind) -> Self {
        match kind {
            // A credential is the deployment's, not the job's.
            ErrorKind::Unavailable
            | ErrorKind::RateLimited
            | ErrorKind::Unauthenticated
            | ErrorKind::Forbidden => Self::Pause,
            ErrorKind::Timeout => Self::Halve,
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict => Self::Bisect,
            ErrorKind::Internal => Self::Doubt,
        }
    }
}

/// The work on one batch.
pub(super) struct Settling<'a, H> {
    pub(super) partition: &'static str,
    pub(super) handler: &'a H,
    pub(super) burial: &'a Burial,
    pub(super) pace: &'a mut Pace,
    pub(super) stop: &'a CancellationToken,
    /// Tells whether the batch is still ours.
    pub(super) acker: &'a Acker,
}

impl<H: BatchHandler> Settling<'_, H> {
    /// Works until every job is done or lies with the dead letters.
    pub(super) async fn settle(&mut self, batch: &Batch) -> Result<(), Interrupted> {
        for (dead, why) in &batch.dead {
            self.bury(dead, why).await?;
        }
        // What is left to do, the first of it on top.
        let mut pieces = vec![batch.jobs.as_slice()];
        let mut attempts = 0;
        while let Some(piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            if piece.len() > self.pace.jobs() {
                push_parts(&mut pieces, piece, self.pace.jobs());
                continue;
            }
            let Err(error) = self.attempt(piece).await else {
                attempts = 0;
                continue;
            };
            match (Remedy::of(error.kind), piece) {
                (Remedy::Halve, [_, _, ..]) if !self.stop.is_cancelled() => {
                    self.pace.took_too_long(piece.len());
                    pieces.push(piece);
                }
                (Remedy::Bisect | Remedy::Doubt, [_, _, ..]) => {
                    push_parts(&mut pieces, piece, piece.len() / 2);
                }
                (Remedy::Bisect, [job]) => self.bury(&self.dead(job), &error).await?,
                (Remedy::Doubt, [job]) if attempts + 1 == ATTEMPTS => {
                    self.bury(&self.dead(job), &error).await?;
                    attempts = 0;
                }
                (remedy, _) => {
                    attempts += u32::from(remedy == Remedy::Doubt);
                    self.pause(&error).await?;
                    pieces.push(piece);
                }
            }
        }
        Ok(())
    }

    async fn attempt(&mut self, jobs: &[Job]) -> Result<(), NotHandled> {
        let began = Instant::now();
        let span = self.span(jobs);
        let handling = self.handler.handle(self.partition, jobs);
        handling.instrument(span).await?;
        self.pace.went_well(jobs.len());
        let count = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        metrics::histogram!("bus_batch_jobs").record(count);
        metrics::histogram!("bus_batch_duration_seconds", "queue" => self.partition)
            .record(began.elapsed());
        Ok(())
    }

    async fn bury(&mut self, dead: &Dead, why: &NotHandled) -> Result<(), Interrupted> {
        while let Err(error) = self.burial.bury(dead, why).await {
            self.pause(&error).await?;
        }
        self.pace.resume();
        Ok(())
    }

    /// Lets some time pass, longer each time.
    async fn pause(&mut self, error: &NotHandled) -> Result<(), Interrupted> {
        let pause = self.pace.next_pause();
        tracing::warn!(
            queue = self.partition,
            kind = error.kind.as_str(),
            error = error.reason,
            ?pause,
            "partition pauses"
        );
        metrics::gauge!("bus_paused", "queue" => self.partition).set(1);
        tokio::select! {
            () = self.stop.cancelled() => return Err(Interrupted::Stopped),
            () = sleep(pause) => {}
        }
        if self.acker.poisoned() {
            return Err(Interrupted::Disconnected);
        }
        Ok(())
    }

    /// A job alone, as it was published.
    fn dead(&self, job: &Job) -> Dead {
        let jobs = Jobs {
            jobs: vec![job.clone()],
        };
        Dead {
            id: job.id.clone(),
            exchange: JOBS.to_owned(),
            key: self.partition.to_owned(),
            payload: jobs.to_bytes(),
        }
    }

    /// A trace of its own, because the jobs have many; it links to each of them.
    fn span(&self, jobs: &[Job]) -> Span {
        let span = tracing::info_span!(
            parent: None,
            "bus.process_batch",
            otel.name = %format_args!("process {}", self.partition),
            otel.kind = "consumer",
            messaging.system = "rabbitmq",
            messaging.destination.name = self.partition,
            messaging.batch.message_count = jobs.len(),
        );
        if !span.is_disabled() {
            for job in jobs {
                telemetry::link(&span, &|name| job.trace.get(name).map(String::as_str));
            }
        }
        span
    }
}

/// Puts `piece` back in two parts, the first of which has `count` jobs.
fn push_parts<'a>(pieces: &mut Vec<&'a [Job]>, piece: &'a [Job], count: usize) {
    let (first, rest) = piece.split_at(count);
    pieces.push(rest);
    pieces.push(first);
}
