use bus::{BusError, declare_topology};
use contracts::topology::{AUTH_EVENTS, DEAD, DEAD_LETTERS, EXCHANGES};
use lapin::{
    options::{
        BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
    },
    types::FieldTable,
};
use testkit::Sandbox;

use crate::{channel, drain};

#[tokio::test]
async fn everything_is_declared_and_declaring_it_again_changes_nothing() {
    let sandbox = Sandbox::create().await;
    let url = sandbox.direct_amqp_url().await;
    declare_topology(url).await.unwrap();
    declare_topology(url).await.unwrap();
    let (_connection, channel) = channel(&sandbox).await;
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
    let sandbox = Sandbox::create().await;
    let (_connection, channel) = channel(&sandbox).await;
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
    assert_eq!(drain(&sandbox, DEAD_LETTERS).await.len(), 1);
}

#[tokio::test]
async fn the_queues_are_replicated() {
    let sandbox = Sandbox::create().await;
    for queue in [DEAD_LETTERS, AUTH_EVENTS] {
        // A classic queue of the same name is another queue: the broker refuses.
        let (_connection, channel) = channel(&sandbox).await;
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let refused = channel
            .queue_declare(queue.into(), durable, FieldTable::default())
            .await;
        assert!(refused.is_err(), "{queue}");
    }
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error() {
    let refused = declare_topology("amqp://guest:guest@127.0.0.1:1/%2f").await;
    assert!(matches!(refused, Err(BusError::Broker(_))), "{refused:?}");
}
