use std::time::Duration;

use contracts::topology::DEAD_LETTERS;
use lapin::{
    Acker, Channel, Connection,
    message::Delivery,
    options::{BasicAckOptions, BasicGetOptions},
    types::AMQPValue,
};
use tokio::time::timeout;

use crate::{
    AmqpSettings, BusError, Message, Publisher,
    burial::{BURIED_AT, EXCHANGE, KEY, QUEUE, REASON, REASON_KIND},
    consumer::message_id,
    partition_consumer::waiting,
    publisher::connect,
};

/// Longest wait for the broker.
const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
/// The name of the connections.
const NAME: &str = "dead-letters";

/// Looks through the dead letters, one after the other: those that were there
/// when it began, and that nobody else looks at.
///
/// What is looked at is neither lost nor given to others meanwhile. When this
/// is closed or dropped, or its process dies, whatever was not retried or
/// dropped goes back to the queue. Every look counts as a delivery with the
/// broker, so the queue must have no delivery limit.
pub struct DeadLetters {
    connection: Connection,
    channel: Channel,
    publisher: Publisher,
    /// How many are still to be looked at.
    left: u32,
}

/// A job or an event that was given up.
#[derive(Debug)]
pub struct DeadLetter {
    /// Of the job or the event; the same when it is given up again. Empty if it
    /// had none.
    pub id: String,
    /// The queue that it was taken from.
    pub queue: String,
    /// The kind of failure.
    pub kind: String,
    /// Why it was given up.
    pub reason: String,
    /// When, in RFC 3339.
    pub buried_at: String,
    exchange: String,
    key: String,
    payload: Vec<u8>,
    acker: Acker,
}

impl DeadLetters {
    /// Connects to the broker.
    pub async fn open(settings: &AmqpSettings) -> Result<Self, BusError> {
        let open = async {
            let connection = connect(&settings.amqp_url, NAME).await?;
            let channel = connection.create_channel().await?;
            let left = waiting(&channel, DEAD_LETTERS).await?;
            Ok(Self {
                connection,
                channel,
                publisher: Publisher::new(settings, NAME),
                left,
            })
        };
        in_time(open).await
    }

    /// How many are still to be looked at.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.left
    }

    /// The next one, oldest first; none when all that were there at the
    /// beginning have been looked at, so that what is retried and given up
    /// again is not met a second time.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>, BusError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        let options = BasicGetOptions::default();
        let get = self.channel.basic_get(DEAD_LETTERS.into(), options);
        let letter = in_time(async { Ok(get.await?) }).await?;
        self.left = if letter.is_some() { left } else { 0 };
        Ok(letter.map(|letter| DeadLetter::from(letter.delivery)))
    }

    /// Publishes it again to where it came from. It is removed from the dead
    /// letters only after the broker's confirm.
    pub async fn retry(&self, letter: DeadLetter) -> Result<(), BusError> {
        let message = Message {
            id: letter.id,
            exchange: letter.exchange,
            key: letter.key,
            headers: Vec::new(),
            payload: letter.payload,
        };
        self.publisher.publish(&message).await?;
        remove(&letter.acker).await
    }

    /// Removes it for good.
    pub async fn discard(&self, letter: DeadLetter) -> Result<(), BusError> {
        remove(&letter.acker).await
    }

    /// Gives back what is left.
    pub async fn close(self) -> Result<(), BusError> {
        let close = self.connection.close(200, "done".into());
        in_time(async { Ok(close.await?) }).await
    }
}

impl From<Delivery> for DeadLetter {
    fn from(delivery: Delivery) -> Self {
        let header = |name: &str| {
            let headers = delivery.properties.headers().as_ref();
            match headers.and_then(|headers| headers.inner().get(name)) {
                Some(AMQPValue::LongString(text)) => text.to_string(),
                _ => String::new(),
            }
        };
        Self {
            id: message_id(&delivery),
            queue: header(QUEUE),
            kind: header(REASON_KIND),
            reason: header(REASON),
            buried_at: header(BURIED_AT),
            exchange: header(EXCHANGE),
            key: header(KEY),
            payload: delivery.data,
            acker: delivery.acker,
        }
    }
}

async fn remove(acker: &Acker) -> Result<(), BusError> {
    let ack = acker.ack(BasicAckOptions::default());
    if in_time(async { Ok(ack.await?) }).await? {
        Ok(())
    } else {
        Err(BusError::ConsumerEnded)
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    timeout(BROKER_TIMEOUT, work)
        .await
        .unwrap_or(Err(BusError::Timeout))
}
