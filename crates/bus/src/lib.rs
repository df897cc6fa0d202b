//! The RabbitMQ kit: the topology that [`contracts::topology`] describes,
//! confirmed publishing, the relay from a service's outbox, jobs published by
//! group commit, consumers that lose nothing, and the dead letters.

mod burial;
mod consumer;
mod dead_letters;
mod job_publisher;
mod partition_consumer;
mod publisher;
mod purge;
mod relay;
mod settings;

use std::time::Duration;

use contracts::topology::{EXCHANGES, Exchange, ExchangeKind, QUEUES, Queue};
use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

pub use consumer::{Consumer, Handler, NotHandled};
pub use dead_letters::{DeadLetter, DeadLetters};
pub use job_publisher::JobPublisher;
pub use partition_consumer::{BatchHandler, BatchLimits, PartitionConsumer};
pub use publisher::{Message, Publisher};
pub use purge::purge_queues;
pub use relay::{Relay, RelayError, event_row, job_message, job_row};
pub use settings::AmqpSettings;

/// Longest wait for the broker.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Why the broker did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BusError {
    /// The connection or a command failed; declaring something that exists
    /// with other properties is such a failure.
    #[error("rabbitmq refused")]
    Broker(#[from] lapin::Error),
    /// No answer in time.
    #[error("rabbitmq did not answer in time")]
    Timeout,
    /// No queue takes it: the topology is not declared.
    #[error("no queue takes the message")]
    Unroutable,
    /// The broker could not store it.
    #[error("rabbitmq did not confirm the message")]
    NotConfirmed,
    /// More waits for the broker than may.
    #[error("too much is waiting for rabbitmq")]
    Overloaded,
    /// The broker ended the delivery, for example because the queue is gone.
    #[error("the consumer was ended by the broker")]
    ConsumerEnded,
}

/// Declares every exchange, queue and binding at the broker `amqp_url`. Doing
/// it again changes nothing.
pub async fn declare_topology(amqp_url: &str) -> Result<(), BusError> {
    let declare = async {
        let connection = Connection::connect(amqp_url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        for exchange in &EXCHANGES {
            declare_exchange(&channel, exchange).await?;
        }
        for queue in &QUEUES {
            declare_queue(&channel, queue).await?;
        }
        connection.close(200, "done".into()).await?;
        Ok(())
    };
    tokio::time::timeout(TIMEOUT, declare)
        .await
        .or(Err(BusError::Timeout))?
}

async fn declare_exchange(channel: &Channel, exchange: &Exchange) -> Result<(), lapin::Error> {
    let kind = match exchange.kind {
        ExchangeKind::Direct => lapin::ExchangeKind::Direct,
        ExchangeKind::Topic => lapin::ExchangeKind::Topic,
        ExchangeKind::Fanout => lapin::ExchangeKind::Fanout,
    };
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(exchange.name.into(), kind, options, FieldTable::default())
        .await
}

async fn declare_queue(channel: &Channel, queue: &Queue) -> Result<(), lapin::Error> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    if queue.has_single_active_consumer {
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    }
    if let Some(lifetime) = queue.lifetime {
        let millis = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(millis));
    }
    channel
        .queue_declare(queue.name.into(), options, arguments)
        .await?;
    for key in queue.routing_keys {
        channel
            .queue_bind(
                queue.name.into(),
                queue.exchange.into(),
                (*key).into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
    }
    Ok(())
}
