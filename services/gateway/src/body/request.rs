use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::problem::Code;

use super::BodyError;

/// What a client's body may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Most bytes.
    pub(crate) max_bytes: u64,
    /// Fewest bytes a second, over the time spent waiting for the client.
    pub(crate) min_rate: u32,
    /// How long it may be behind that rate.
    pub(crate) grace: Duration,
}

impl BodyLimits {
    /// How long a client may have kept us waiting for `received` bytes.
    fn allowance(&self, received: u64) -> Duration {
        let earned = Duration::from_secs_f64(u64_to_f64(received) / f64::from(self.min_rate));
        self.grace.saturating_add(earned)
    }
}

/// What a client did wrong with its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    /// More bytes than allowed.
    #[error("the request body is over the limit")]
    TooLarge,
    /// Fewer bytes a second than demanded.
    #[error("the request body is too slow")]
    TooSlow,
    /// It ended early: the client has gone, or does not frame it right.
    #[error("the request body ended early")]
    BrokenOff,
}

impl From<BodyFault> for Code {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge => Self::PayloadTooLarge,
            BodyFault::TooSlow => Self::RequestTimeout,
            BodyFault::BrokenOff => Self::BadRequest,
        }
    }
}

/// What is known of a body that another task is sending.
#[derive(Debug)]
pub(crate) struct BodyProgress {
    fault: OnceLock<BodyFault>,
    moved_at: Mutex<Instant>,
    is_complete: AtomicBool,
}

impl BodyProgress {
    fn new(is_complete: bool) -> Self {
        Self {
            fault: OnceLock::new(),
            moved_at: Mutex::new(Instant::now()),
            is_complete: AtomicBool::new(is_complete),
        }
    }

    /// Why the body ended before its end, if it did.
    pub(crate) fn fault(&self) -> Option<BodyFault> {
        self.fault.get().copied()
    }

    /// When the last of it was passed on, or it was waited for.
    pub(crate) fn moved_at(&self) -> Instant {
        *self.moved_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all of it has been read from the client.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    fn touch(&self) {
        *self.moved_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// The body of a client's request, held to its limits. Trailers are dropped:
/// they would be headers that no check has seen.
pub(crate) struct RequestBody {
    incoming: Incoming,
    limits: BodyLimits,
    progress: Arc<BodyProgress>,
    received: u64,
    waited: Duration,
    wait: Option<Wait>,
}

/// A wait for the client that has not ended.
struct Wait {
    began: Instant,
    too_long: Pin<Box<Sleep>>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, limits: BodyLimits) -> (Self, Arc<BodyProgress>) {
        let progress = Arc::new(BodyProgress::new(incoming.is_end_stream()));
        let body = Self {
            incoming,
            limits,
            progress: Arc::clone(&progress),
            received: 0,
            waited: Duration::ZERO,
            wait: None,
        };
        (body, progress)
    }

    fn fail(&self, fault: BodyFault) -> BodyError {
        // The first fault is the cause of the others.
        let _ = self.progress.fault.set(fault);
        fault.into()
    }

    /// Waits on, unless this has been too long.
    fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<BodyError> {
        let left = self
            .limits
            .allowance(self.received)
            .saturating_sub(self.waited);
        let wait = self.wait.get_or_insert_with(|| Wait {
            began: Instant::now(),
            too_long: Box::pin(sleep(left)),
        });
        ready!(wait.too_long.as_mut().poll(context));
        Poll::Ready(self.fail(BodyFault::TooSlow))
    }

    fn receive(&mut self, data: &Bytes) -> Result<(), BodyError> {
        self.received = self.received.saturating_add(data.len() as u64);
        if self.received > self.limits.max_bytes {
            return Err(self.fail(BodyFault::TooLarge));
        }
        Ok(())
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        loop {
            let frame = match Pin::new(&mut this.incoming).poll_frame(context) {
                Poll::Ready(frame) => frame,
                Poll::Pending => return this.poll_too_slow(context).map(|error| Some(Err(error))),
            };
            if let Some(wait) = this.wait.take() {
                this.waited += wait.began.elapsed();
            }
            this.progress.touch();
            if frame.is_none() || this.incoming.is_end_stream() {
                this.progress.is_complete.store(true, Ordering::Release);
            }
            return Poll::Ready(match frame {
                None => None,
                Some(Err(_)) => Some(Err(this.fail(BodyFault::BrokenOff))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Some(this.receive(&data).map(|()| Frame::data(data))),
                    Err(_trailers) => continue,
                },
            });
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more than 52 bits"
)]
const fn u64_to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_buy_time() {
        let limits = BodyLimits {
            max_bytes: 0,
            min_rate: 500,
            grace: Duration::from_secs(10),
        };
        assert_eq!(limits.allowance(0), Duration::from_secs(10));
        assert_eq!(limits.allowance(1_000), Duration::from_secs(12));
    }
}
