//! The topology at a real broker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use bus::{BusError, declare_topology};
use contracts::topology::{DEAD, DEAD_LETTERS, EXCHANGES};
use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{
        BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};

fn amqp_url() -> String {
    std::env::var("AMQP_URL").expect("AMQP_URL names the broker; `make test` sets it")
}

async fn channel() -> (Connection, Channel) {
    let connection = Connection::connect(&amqp_url(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

#[tokio::test]
async fn everything_is_declared_and_declaring_it_again_changes_nothing() {
    declare_topology(&amqp_url()).await.unwrap();
    declare_topology(&amqp_url()).await.unwrap();
    let (_connection, channel) = channel().await;
    for exchange in EXCHANGES {
        let exists = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        channel
            .exchange_declare(
                exchange.name.into(),
                lapin::ExchangeKind::Direct,
                exists,
                FieldTable::default(),
            )
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_is_dead_lettered_reaches_the_queue_for_operators() {
    declare_topology(&amqp_url()).await.unwrap();
    let (_connection, channel) = channel().await;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let confirmation = channel
        .basic_publish(
            DEAD.into(),
            "any.key".into(),
            mandatory,
            b"dead",
            lapin::BasicProperties::default(),
        )
        .await
        .unwrap()
        .await
        .unwrap();
    assert!(confirmation.is_ack());
    assert!(
        confirmation.take_message().is_none(),
        "returned as unroutable"
    );
    let message = channel
        .basic_get(DEAD_LETTERS.into(), BasicGetOptions { no_ack: true })
        .await
        .unwrap();
    assert!(message.is_some());
}

#[tokio::test]
async fn the_dead_letter_queue_is_replicated() {
    declare_topology(&amqp_url()).await.unwrap();
    let (_connection, channel) = channel().await;
    // A classic queue of the same name is another queue: the broker refuses.
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let refused = channel
        .queue_declare(DEAD_LETTERS.into(), durable, FieldTable::default())
        .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error() {
    let refused = declare_topology("amqp://guest:guest@127.0.0.1:1/%2f").await;
    assert!(matches!(refused, Err(BusError::Broker(_))), "{refused:?}");
}
