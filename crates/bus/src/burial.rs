use contracts::topology::DEAD;
use domain::ErrorKind;
use runtime::{Clock, SystemClock};

use crate::{AmqpSettings, Message, NotHandled, Publisher};

/// Why it is dead.
pub(crate) const REASON: &str = "x-reason";
/// [`ErrorKind`] of the reason.
pub(crate) const REASON_KIND: &str = "x-reason-kind";
/// The queue that it was taken from.
pub(crate) const QUEUE: &str = "x-queue";
/// The exchange that it was published to.
pub(crate) const EXCHANGE: &str = "x-exchange";
/// The routing key that it was published under.
pub(crate) const KEY: &str = "x-key";
/// When it was given up, in RFC 3339.
pub(crate) const BURIED_AT: &str = "x-buried-at";

/// Attempts at what fails by a defect: five pauses, three seconds together, so
/// that an outage that nobody recognised as one is over by then or buries few.
pub(crate) const ATTEMPTS: u32 = 6;

/// Most characters of a reason: headers have to fit into one frame.
const REASON_MAX: usize = 1_000;

/// The way of a queue's messages to the dead letters.
#[derive(Clone)]
pub(crate) struct Burial {
    queue: &'static str,
    publisher: Publisher,
}

/// What can never succeed, and where it came from.
pub(crate) struct Dead {
    pub(crate) id: String,
    pub(crate) exchange: String,
    pub(crate) key: String,
    pub(crate) payload: Vec<u8>,
}

impl Burial {
    pub(crate) fn new(settings: &AmqpSettings, queue: &'static str) -> Self {
        Self {
            queue,
            publisher: Publisher::new(settings, queue),
        }
    }

    /// `Ok` when the broker has it among the dead letters, and not before: the
    /// original may be acknowledged then.
    pub(crate) async fn bury(&self, dead: &Dead, error: &NotHandled) -> Result<(), NotHandled> {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let reason: String = error.reason.chars().take(REASON_MAX).collect();
        let message = Message {
            id: dead.id.clone(),
            exchange: DEAD.to_owned(),
            key: self.queue.to_owned(),
            headers: vec![
                header(REASON, &reason),
                header(REASON_KIND, error.kind.as_str()),
                header(QUEUE, self.queue),
                header(EXCHANGE, &dead.exchange),
                header(KEY, &dead.key),
                header(BURIED_AT, &SystemClock.now().to_string()),
            ],
            payload: dead.payload.clone(),
        };
        let buried = self.publisher.publish(&message).await;
        buried.map_err(|failure| NotHandled {
            kind: ErrorKind::Unavailable,
            reason: format!("dead letter not confirmed: {failure}"),
        })?;
        metrics::counter!("bus_dead_letters_total", "queue" => self.queue).increment(1);
        tracing::error!(
            queue = self.queue,
            message.id = dead.id,
            kind = error.kind.as_str(),
            error = error.reason,
            "message moved to the dead letters"
        );
        Ok(())
    }
}
