//! The kit at a real broker, and at one that is gone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod consumer;
mod publisher;
mod relay;
mod topology;

use std::time::Duration;

use bus::{AmqpSettings, Message};
use contracts::topology::{AUTH_EVENTS, EVENTS, POSTS_COUNTED};
use lapin::{
    Channel, Connection, ConnectionProperties, message::Delivery, options::BasicGetOptions,
    types::AMQPValue,
};
use testkit::Sandbox;

/// Long enough for a reconnect on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// The broker as the service under test reaches it.
async fn settings(sandbox: &Sandbox) -> AmqpSettings {
    AmqpSettings {
        amqp_url: sandbox.amqp_url().await.into(),
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

/// A channel of the test's own, past every proxy.
async fn channel(sandbox: &Sandbox) -> (Connection, Channel) {
    let url = sandbox.direct_amqp_url().await;
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// Takes everything that lies in `queue`.
async fn drain(sandbox: &Sandbox, queue: &str) -> Vec<Delivery> {
    let (_connection, channel) = channel(sandbox).await;
    let mut messages = Vec::new();
    while let Some(message) = channel
        .basic_get(queue.into(), BasicGetOptions { no_ack: true })
        .await
        .unwrap()
    {
        messages.push(message.delivery);
    }
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
