//! The kit at a real broker, and at one that is gone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod consumer;
mod dead_letters;
mod group_commit;
mod partition_consumer;
mod publisher;
mod relay;
mod topology;

use std::time::Duration;

use bson::oid::ObjectId;
use bus::{AmqpSettings, Message, Publisher};
use contracts::{
    jobs::v1::{Job, Jobs, LikeSubject, SetLike, job::Work},
    topology::{AUTH_EVENTS, DEAD_LETTERS, EVENTS, JOBS, POSTS_COUNTED},
};
use futures_util::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use testkit::Sandbox;
use tokio::time::timeout;

/// Long enough for a reconnect on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// The broker as the service under test reaches it.
async fn settings(sandbox: &Sandbox) -> AmqpSettings {
    AmqpSettings {
        amqp_url: sandbox.amqp_url().await.into(),
    }
}

/// The broker as nobody in an outage reaches it.
async fn direct_settings(sandbox: &Sandbox) -> AmqpSettings {
    AmqpSettings {
        amqp_url: sandbox.direct_amqp_url().await.into(),
    }
}

/// A message that auth listens to.
fn counted(text: &str) -> Message {
    Message {
        id: text.to_owned(),
        exchange: EVENTS.to_owned(),
        key: POSTS_COUNTED.to_owned(),
        headers: Vec::new(),
        payload: text.as_bytes().to_vec(),
    }
}

/// Job number `number`: somebody likes something.
fn job(number: i64) -> Job {
    Job {
        id: ObjectId::new().to_hex(),
        accepted_at: None,
        version: number,
        trace: [].into(),
        work: Some(Work::SetLike(SetLike {
            user_id: ObjectId::new().to_hex(),
            subject: LikeSubject::Post.into(),
            subject_id: ObjectId::new().to_hex(),
            reaction: Some("❤️".to_owned()),
        })),
    }
}

/// A message of a partition, with `jobs`.
fn message(partition: &str, jobs: Vec<Job>) -> Message {
    Message {
        id: ObjectId::new().to_hex(),
        exchange: JOBS.to_owned(),
        key: partition.to_owned(),
        headers: Vec::new(),
        payload: Jobs { jobs }.to_bytes(),
    }
}

/// Publishes `messages` past every proxy.
async fn publish(sandbox: &Sandbox, messages: &[Message]) {
    let publisher = Publisher::new(&direct_settings(sandbox).await, "test");
    let outcomes = publisher.publish_all(messages).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

/// The jobs that a message carries.
fn jobs(message: &Delivery) -> Vec<Job> {
    Jobs::from_bytes(&message.data).unwrap().jobs
}

/// The numbers of the jobs of `messages`.
fn numbers(messages: &[Delivery]) -> Vec<i64> {
    let jobs = messages.iter().flat_map(jobs);
    jobs.map(|job| job.version).collect()
}

/// Takes the dead letters; the numbers of their jobs.
async fn dead(sandbox: &Sandbox) -> Vec<i64> {
    numbers(&drain(sandbox, DEAD_LETTERS).await)
}

/// A channel of the test's own, past every proxy.
async fn channel(sandbox: &Sandbox) -> (Connection, Channel) {
    let url = sandbox.direct_amqp_url().await;
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// Takes everything that lies in `queue`. As a consumer: a queue with a single
/// active one refuses `basic.get`.
async fn drain(sandbox: &Sandbox, queue: &str) -> Vec<Delivery> {
    let (connection, channel) = channel(sandbox).await;
    let exists = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(queue.into(), exists, FieldTable::default());
    let count = declared.await.unwrap().message_count() as usize;
    let deliveries = channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let messages = deliveries.take(count).map(Result::unwrap).collect();
    let messages: Vec<Delivery> = timeout(SOON, messages).await.expect("what lies there");
    if let Some(last) = messages.last() {
        // What has come meanwhile goes back with the connection.
        let all_of_them = BasicAckOptions { multiple: true };
        assert!(last.acker.ack(all_of_them).await.unwrap());
    }
    connection.close(200, "done".into()).await.unwrap();
    messages
}

/// The payloads that lie in auth's queue.
async fn arrived(sandbox: &Sandbox) -> Vec<String> {
    let messages = drain(sandbox, AUTH_EVENTS).await;
    messages.iter().map(text).collect()
}

fn text(message: &Delivery) -> String {
    String::from_utf8(message.data.clone()).unwrap()
}

fn header(message: &Delivery, name: &str) -> Option<String> {
    match message.properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    }
}
