//! Transactions in slots, at a real replica set.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bson::{Bson, Document, doc};
use clap::Parser;
use domain::ErrorKind;
use futures_util::{FutureExt, future::join_all};
use mongodb::{Client, ClientSession, Collection, error::Result};
use store::{MongoSettings, Operation, Slots, Store, StoreError};
use testkit::Sandbox;
use tokio::sync::Barrier;

const SLOTS: &str = "test_slots";
const SLOT: &str = "slot.1";
const COUNT: Operation = Operation {
    collection: "things",
    name: "count",
};
/// Far less than the two seconds after which the server itself ends the
/// transactions of the dead.
const AT_ONCE: Duration = Duration::from_secs(1);

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    mongo: MongoSettings,
}

/// A process, as far as MongoDB can tell.
struct Replica {
    slots: Slots,
    things: Collection<Document>,
}

impl Replica {
    async fn start(sandbox: &Sandbox) -> Self {
        let flags = [
            "x".into(),
            format!("--mongodb-uri={}", sandbox.mongodb_uri()),
            format!("--mongodb-database={}", sandbox.mongodb_database()),
            format!("--mongodb-command-log={}", sandbox.command_log().display()),
            // Longer than the server allows for a transaction.
            "--mongodb-timeout=5s".into(),
        ];
        let store = Store::connect(&Flags::parse_from(flags).mongo, "test").await;
        let store = store.unwrap();
        Self {
            slots: Slots::new(&store, SLOTS),
            things: store.collection("things"),
        }
    }

    /// Counts one more in the slot.
    async fn count(&self) -> std::result::Result<i64, StoreError> {
        let things = self.things.clone();
        let count = self.slots.transaction(SLOT, COUNT, move |transaction| {
            let things = things.clone();
            async move {
                count(&things, transaction).await?;
                let counted = things.find_one(counter()).session(transaction).await?;
                Ok(counted.unwrap().get_i64("count").unwrap())
            }
            .boxed()
        });
        count.await
    }
}

fn counter() -> Document {
    doc! { "_id": "counter" }
}

async fn count(things: &Collection<Document>, transaction: &mut ClientSession) -> Result<()> {
    let add = doc! { "$inc": { "count": 1_i64 } };
    let update = things.update_one(counter(), add).upsert(true);
    update.session(transaction).await?;
    Ok(())
}

/// A process that was killed within a transaction: what it wrote stays locked.
/// Its session is returned, so that it does not end in order.
async fn open_transaction(sandbox: &Sandbox) -> ClientSession {
    let client = Client::with_uri_str(sandbox.mongodb_uri()).await.unwrap();
    let database = client.database(sandbox.mongodb_database());
    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let things = database.collection("things");
    count(&things, &mut session).await.unwrap();
    session
}

async fn holders(sandbox: &Sandbox) -> Vec<Bson> {
    let slots = sandbox.mongodb().collection::<Document>(SLOTS);
    let slot = slots.find_one(doc! { "_id": SLOT }).await.unwrap().unwrap();
    slot.get_array("sessions").unwrap().clone()
}

#[tokio::test]
async fn what_the_dead_had_locked_is_free_at_once() {
    let sandbox = Sandbox::create().await;
    let replica = Replica::start(&sandbox).await;
    assert_eq!(replica.count().await.unwrap(), 1);
    let dead = open_transaction(&sandbox).await;
    let sessions = vec![dead.id().get("id").unwrap().clone()];
    let slots = sandbox.mongodb().collection::<Document>(SLOTS);
    let held = doc! { "$set": { "sessions": sessions } };
    slots.update_one(doc! { "_id": SLOT }, held).await.unwrap();

    let began = Instant::now();
    assert_eq!(replica.count().await.unwrap(), 2);
    let waited = began.elapsed();
    assert!(waited < AT_ONCE, "{waited:?}");
    assert_eq!(holders(&sandbox).await.len(), 1);
}

#[tokio::test]
async fn whom_no_slot_names_the_server_finds_later() {
    let sandbox = Sandbox::create().await;
    let replica = Replica::start(&sandbox).await;
    assert_eq!(replica.count().await.unwrap(), 1);
    let _dead = open_transaction(&sandbox).await;
    let began = Instant::now();
    assert_eq!(replica.count().await.unwrap(), 2);
    let waited = began.elapsed();
    assert!(waited > AT_ONCE, "{waited:?}");
}

#[tokio::test]
async fn a_slot_goes_back_and_forth() {
    let sandbox = Sandbox::create().await;
    let (one, two) = (
        Replica::start(&sandbox).await,
        Replica::start(&sandbox).await,
    );
    for round in 0..5 {
        assert_eq!(one.count().await.unwrap(), 2 * round + 1);
        assert_eq!(two.count().await.unwrap(), 2 * round + 2);
    }
}

#[tokio::test]
async fn who_was_ousted_within_a_transaction_has_changed_nothing() {
    let sandbox = Sandbox::create().await;
    let (slow, quick) = (
        Replica::start(&sandbox).await,
        Replica::start(&sandbox).await,
    );
    let things = slow.things.clone();
    let (attempts, meeting) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let (counted, met) = (Arc::clone(&attempts), Arc::clone(&meeting));
    let slow = tokio::spawn(async move {
        let work = slow.slots.transaction(SLOT, COUNT, move |transaction| {
            let (things, met) = (things.clone(), Arc::clone(&met));
            let attempt = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                count(&things, transaction).await?;
                if attempt == 0 {
                    met.wait().await;
                    met.wait().await;
                }
                Ok(())
            }
            .boxed()
        });
        work.await
    });
    meeting.wait().await;
    assert_eq!(quick.count().await.unwrap(), 1);
    meeting.wait().await;
    slow.await.unwrap().unwrap();
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
    assert_eq!(quick.count().await.unwrap(), 3);
}

#[tokio::test]
async fn those_who_want_it_at_once_all_get_it() {
    let sandbox = Sandbox::create().await;
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Replica::start(&sandbox).await);
    }
    let calls = (0..12).map(|n| replicas[n % 3].count());
    for outcome in join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!(replicas[0].count().await.unwrap(), 13);
}

#[tokio::test]
async fn what_takes_longer_than_the_server_allows_is_given_up() {
    let sandbox = Sandbox::create().await;
    let replica = Replica::start(&sandbox).await;
    let things = replica.things.clone();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let work = replica.slots.transaction(SLOT, COUNT, move |transaction| {
        let things = things.clone();
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            loop {
                count(&things, transaction).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        .boxed()
    });
    let outcome: std::result::Result<(), _> = work.await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, StoreError::TooLong(_)), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    assert_eq!(replica.count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_caller_that_gave_up_keeps_nobody_waiting() {
    let sandbox = Sandbox::create().await;
    let replica = Replica::start(&sandbox).await;
    let things = replica.things.clone();
    let stuck = replica.slots.transaction(SLOT, COUNT, move |transaction| {
        let things = things.clone();
        async move {
            count(&things, transaction).await?;
            std::future::pending().await
        }
        .boxed()
    });
    let outcome: std::result::Result<(), _> = stuck.await;
    assert!(matches!(outcome, Err(StoreError::Timeout)), "{outcome:?}");
    let began = Instant::now();
    assert_eq!(replica.count().await.unwrap(), 1);
    assert!(began.elapsed() < AT_ONCE);
}

#[tokio::test]
async fn a_failure_that_does_not_pass_leaves_nothing_open() {
    let sandbox = Sandbox::create().await;
    let replica = Replica::start(&sandbox).await;
    assert_eq!(replica.count().await.unwrap(), 1);
    let things = replica.things.clone();
    let work = replica.slots.transaction(SLOT, COUNT, move |transaction| {
        let things = things.clone();
        async move {
            count(&things, transaction).await?;
            Err(mongodb::error::Error::custom("no"))
        }
        .boxed()
    });
    let outcome: std::result::Result<(), _> = work.await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Internal);
    // Not in the slot, where the next transaction would end it anyway.
    let began = Instant::now();
    let add = doc! { "$inc": { "count": 1_i64 } };
    let things = sandbox.mongodb().collection::<Document>("things");
    things.update_one(counter(), add).await.unwrap();
    let waited = began.elapsed();
    assert!(waited < AT_ONCE, "{waited:?}");
    assert_eq!(replica.count().await.unwrap(), 3);
}
