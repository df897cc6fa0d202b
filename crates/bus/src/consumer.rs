use std::time::Duration;

use domain::{Disposition, ErrorKind};
use futures_util::{StreamExt, stream::FuturesUnordered};
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use runtime::Shutdown;
use tokio::time::{sleep, timeout};
use tracing::Instrument;

use crate::{
    AmqpSettings, BusError,
    burial::{ATTEMPTS, Burial, Dead},
    publisher::connect,
};

/// Longest wait for the broker when the consumer is set up.
const SET_UP_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts to reach the broker.
const RECONNECT: Duration = Duration::from_millis(500);
/// First and longest pause before a message is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Why a message could not be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotHandled {
    /// Decides whether it is tried again or given up.
    pub kind: ErrorKind,
    /// For the log and for whoever looks through the dead letters.
    pub reason: String,
}

impl NotHandled {
    /// What nobody can ever handle, because of what it says.
    #[must_use]
    pub fn invalid(reason: &impl ToString) -> Self {
        Self {
            kind: ErrorKind::Invalid,
            reason: reason.to_string(),
        }
    }
}

/// What is done with the messages of a queue.
pub trait Handler: Send + Sync {
    /// Does the work of one message. It may come again although its work is done.
    fn handle(&self, payload: &[u8]) -> impl Future<Output = Result<(), NotHandled>> + Send;
}

/// Reads one queue, one message after the other unless it is told otherwise,
/// and acknowledges each when its work is done.
///
/// An outage never counts against a message: it is tried again, with growing
/// pauses, until it succeeds or the service drains; then it goes back to the
/// queue. A message that can never succeed goes to the dead letters, alone,
/// with its reason, and is acknowledged only when the broker has it there; one
/// that fails by a defect does so after a few attempts.
#[derive(Clone)]
pub struct Consumer {
    settings: AmqpSettings,
    queue: &'static str,
    prefetch: u16,
    at_once: usize,
    burial: Burial,
}

impl Consumer {
    /// A reader of `queue` that holds at most `prefetch` messages.
    #[must_use]
    pub fn new(settings: &AmqpSettings, queue: &'static str, prefetch: u16) -> Self {
        Self {
            settings: settings.clone(),
            queue,
            prefetch,
            at_once: 1,
            burial: Burial::new(settings, queue),
        }
    }

    /// As many messages are handled at a time, in no order: one that has to
    /// wait does not hold up the others. The prefetch must not be smaller.
    #[must_use]
    pub fn at_once(mut self, at_once: usize) -> Self {
        self.at_once = at_once;
        self
    }

    /// Reads until the drain.
    pub async fn run(self, shutdown: Shutdown, handler: impl Handler) {
        while !shutdown.is_draining() {
            if let Err(error) = self.read(&shutdown, &handler).await {
                tracing::warn!(queue = self.queue, %error, "queue cannot be read, is tried again");
                tokio::select! {
                    () = sleep(RECONNECT) => {}
                    () = shutdown.draining() => {}
                }
            }
        }
    }

    /// Ends with the drain or with the connection.
    async fn read(&self, shutdown: &Shutdown, handler: &impl Handler) -> Result<(), BusError> {
        let set_up = async {
            let connection = connect(&self.settings.amqp_url, self.queue).await?;
            let channel = connection.create_channel().await?;
            channel
                .basic_qos(self.prefetch, BasicQosOptions::default())
                .await?;
            let consumer = channel
                .basic_consume(
                    self.queue.into(),
                    "".into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await?;
            Ok::<_, BusError>((connection, consumer))
        };
        let (connection, mut deliveries) = timeout(SET_UP_TIMEOUT, set_up)
            .await
            .or(Err(BusError::Timeout))??;
        let mut under_way = FuturesUnordered::new();
        loop {
            let delivery = tokio::select! {
                biased;
                () = shutdown.draining() => break,
                Some(acknowledged) = under_way.next() => {
                    acknowledged?;
                    continue;
                }
                delivery = deliveries.next(), if under_way.len() < self.at_once => delivery,
            };
            let Some(delivery) = delivery.transpose()? else {
                return Err(BusError::ConsumerEnded);
            };
            under_way.push(self.acknowledge(delivery, shutdown, handler));
        }
        while let Some(acknowledged) = under_way.next().await {
            acknowledged?;
        }
        connection.close(200, "drained".into()).await?;
        Ok(())
    }

    /// Acknowledges a message when it is settled. One that is not when the
    /// drain begins goes back to the queue.
    async fn acknowledge(
        &self,
        delivery: Delivery,
        shutdown: &Shutdown,
        handler: &impl Handler,
    ) -> Result<(), BusError> {
        if self.settle(&delivery, shutdown, handler).await {
            // False: the channel is gone, and the message will come again.
            delivery.acker.ack(BasicAckOptions::default()).await?;
        }
        Ok(())
    }

    /// Handles a message until its work is done or it lies with the dead
    /// letters; false if the drain came first.
    async fn settle(
        &self,
        delivery: &Delivery,
        shutdown: &Shutdown,
        handler: &impl Handler,
    ) -> bool {
        let (mut pause, longest) = BACKOFF;
        let mut defects = 0;
        loop {
            let span = self.span(delivery);
            let outcome = match handler.handle(&delivery.data).instrument(span).await {
                Err(error) if error.kind == ErrorKind::Internal && defects + 1 < ATTEMPTS => {
                    defects += 1;
                    Err(error)
                }
                Err(error) if error.kind.disposition() == Disposition::Reject => {
                    self.burial.bury(&dead(delivery), &error).await
                }
                outcome => outcome,
            };
            let Err(error) = outcome else {
                metrics::counter!("bus_settled_total", "queue" => self.queue).increment(1);
                return true;
            };
            tracing::warn!(
                queue = self.queue,
                kind = error.kind.as_str(),
                error = error.reason,
                "message not handled, is tried again"
            );
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(longest),
                () = shutdown.draining() => return false,
            }
        }
    }

    fn span(&self, delivery: &Delivery) -> tracing::Span {
        let span = tracing::info_span!(
            "bus.process",
            otel.name = %format_args!("process {}", self.queue),
            otel.kind = "consumer",
            messaging.system = "rabbitmq",
            messaging.destination.name = self.queue,
            messaging.message.id = message_id(delivery),
        );
        let headers = delivery.properties.headers().as_ref();
        telemetry::adopt_parent(&span, &|name| match headers?.inner().get(name)? {
            AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
            _ => None,
        });
        span
    }
}

/// A message that is given up as it came.
pub(crate) fn dead(delivery: &Delivery) -> Dead {
    Dead {
        id: message_id(delivery),
        exchange: delivery.exchange.to_string(),
        key: delivery.routing_key.to_string(),
        payload: delivery.data.clone(),
    }
}

pub(crate) fn message_id(delivery: &Delivery) -> String {
    let id = delivery.properties.message_id().as_ref();
    id.map(ToString::to_string).unwrap_or_default()
}
