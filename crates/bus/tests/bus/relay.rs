use bson::{Document, oid::ObjectId};
use bus::{Publisher, Relay};
use clap::Parser;
use contracts::topology::{EVENTS, JOBS, POSTS_COUNTED};
use domain::Timestamp;
use futures_util::FutureExt;
use runtime::Shutdown;
use store::{Lease, MongoSettings, Operation, Outbox, OutboxRow, Store};
use testkit::{Sandbox, eventually};

use crate::{SOON, arrived, settings};

const OUTBOX: &str = "test_outbox";
const LEASES: &str = "test_leases";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    mongo: MongoSettings,
}

/// An outbox that is relayed for as long as this lives.
struct Relayed {
    store: Store,
    outbox: Outbox,
    shutdown: Shutdown,
}

impl Relayed {
    async fn start(sandbox: &Sandbox) -> Self {
        let (uri, database) = (sandbox.mongodb_uri(), sandbox.mongodb_database());
        let log = sandbox.command_log().display().to_string();
        let flags = [
            "x",
            "--mongodb-uri",
            &uri,
            "--mongodb-database",
            database,
            "--mongodb-command-log",
            &log,
        ];
        let store = Store::connect(&Flags::parse_from(flags).mongo, "test").await;
        let store = store.unwrap();
        store
            .ensure_indexes(&Outbox::indexes(OUTBOX))
            .await
            .unwrap();
        let relayed = Self {
            outbox: Outbox::new(&store, OUTBOX),
            store,
            shutdown: Shutdown::new(),
        };
        relayed.add_relay(sandbox).await;
        relayed
    }

    /// One more replica.
    async fn add_relay(&self, sandbox: &Sandbox) {
        let relay = Relay {
            outbox: self.outbox.clone(),
            lease: Lease::new(&self.store, LEASES, "relay"),
            publisher: Publisher::new(&settings(sandbox).await, "test"),
        };
        self.shutdown.spawn(relay.run(self.shutdown.clone()));
    }

    async fn put(&self, rows: Vec<OutboxRow>) {
        let outbox = self.outbox.clone();
        let operation = Operation {
            collection: OUTBOX,
            name: "put",
        };
        self.store
            .transaction(operation, move |session| {
                let (outbox, rows) = (outbox.clone(), rows.clone());
                async move { outbox.put(session, &rows).await }.boxed()
            })
            .await
            .unwrap();
        self.outbox.wake();
    }

    async fn is_empty(&self) -> bool {
        self.outbox.oldest(1).await.unwrap().is_empty()
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.shutdown.stop_now();
    }
}

fn row(exchange: &str, key: &str, at: i64, text: &str) -> OutboxRow {
    let at = Timestamp::from_millis(at);
    let payload = text.as_bytes().to_vec();
    OutboxRow::new(ObjectId::new(), exchange, key, payload, Document::new(), at)
}

fn rows(texts: &[String]) -> Vec<OutboxRow> {
    let event = |(at, text): (i64, &String)| row(EVENTS, POSTS_COUNTED, at, text);
    (1..).zip(texts).map(event).collect()
}

#[tokio::test]
async fn what_is_stored_is_published_oldest_first_and_removed() {
    let sandbox = Sandbox::create().await;
    let relayed = Relayed::start(&sandbox).await;
    let texts: Vec<String> = (0..600).map(|n| n.to_string()).collect();
    relayed.put(rows(&texts)).await;
    eventually(SOON, async || relayed.is_empty().await).await;
    assert_eq!(arrived(&sandbox).await, texts);
}

#[tokio::test]
async fn an_outage_of_the_broker_delays_and_loses_nothing() {
    let sandbox = Sandbox::with_outages().await;
    let relayed = Relayed::start(&sandbox).await;
    sandbox.amqp_proxy().cut();
    relayed.put(rows(&["a".to_owned(), "b".to_owned()])).await;
    relayed.put(rows(&["c".to_owned()])).await;
    assert!(!relayed.is_empty().await);
    sandbox.amqp_proxy().restore();
    eventually(SOON, async || relayed.is_empty().await).await;
    let mut arrived = arrived(&sandbox).await;
    arrived.sort();
    arrived.dedup();
    assert_eq!(arrived, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_row_that_cannot_be_published_does_not_hold_the_others() {
    let sandbox = Sandbox::create().await;
    let relayed = Relayed::start(&sandbox).await;
    let mut all = vec![row(JOBS, "no-such-queue", 0, "stuck")];
    all.extend(rows(&["fine".to_owned()]));
    relayed.put(all).await;
    let left = async || relayed.outbox.oldest(10).await.unwrap();
    eventually(SOON, async || left().await.len() == 1).await;
    assert_eq!(left().await[0].payload.bytes, b"stuck");
    assert_eq!(arrived(&sandbox).await, ["fine"]);
}

#[tokio::test]
async fn of_two_replicas_one_relays_and_the_other_takes_over() {
    let sandbox = Sandbox::create().await;
    let first = Relayed::start(&sandbox).await;
    let second = Relayed::start(&sandbox).await;
    let texts: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    first.put(rows(&texts)).await;
    eventually(SOON, async || first.is_empty().await).await;
    // Each once: two relays at a time would have sent some twice.
    assert_eq!(arrived(&sandbox).await, texts);
    drop(first);
    second.put(rows(&texts)).await;
    eventually(SOON, async || second.is_empty().await).await;
    assert_eq!(arrived(&sandbox).await, texts);
}
