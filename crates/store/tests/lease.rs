//! Work that one replica does for all, at a real replica set.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use clap::Parser;
use runtime::Shutdown;
use store::{Lease, MongoSettings, Round, Store, Work};
use testkit::{Sandbox, eventually};

const LEASES: &str = "test_leases";
/// Longer than a lease lasts.
const SOON: Duration = Duration::from_secs(15);

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    mongo: MongoSettings,
}

async fn lease(sandbox: &Sandbox) -> Lease {
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
    Lease::new(&store.unwrap(), LEASES, "work")
}

/// Counts its rounds.
#[derive(Clone, Default)]
struct Rounds(Arc<AtomicUsize>);

impl Rounds {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Work for Rounds {
    type Error = std::fmt::Error;

    async fn round(&self) -> Result<Round, Self::Error> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Err(std::fmt::Error),
            _ => Ok(Round::Done),
        }
    }

    async fn wait(&self) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A replica.
struct Worker {
    rounds: Rounds,
    shutdown: Shutdown,
}

impl Worker {
    fn start(lease: Lease) -> Self {
        let (rounds, shutdown) = (Rounds::default(), Shutdown::new());
        let (work, drain) = (rounds.clone(), shutdown.clone());
        shutdown.spawn(async move { lease.work(&drain, &work).await });
        Self { rounds, shutdown }
    }
}

#[tokio::test]
async fn one_holds_it_until_it_is_given_back() {
    let sandbox = Sandbox::create().await;
    let (first, second) = (lease(&sandbox).await, lease(&sandbox).await);
    assert!(first.acquire().await.unwrap());
    assert!(!second.acquire().await.unwrap());
    assert!(first.acquire().await.unwrap(), "renewed");
    second.release().await.unwrap();
    assert!(!second.acquire().await.unwrap(), "not theirs to give back");
    first.release().await.unwrap();
    assert!(second.acquire().await.unwrap());
}

#[tokio::test]
async fn a_holder_that_is_gone_is_succeeded() {
    let sandbox = Sandbox::create().await;
    let (first, second) = (lease(&sandbox).await, lease(&sandbox).await);
    assert!(first.acquire().await.unwrap());
    eventually(SOON, async || second.acquire().await.unwrap()).await;
    assert!(!first.acquire().await.unwrap());
}

#[tokio::test]
async fn work_goes_on_after_a_failure_and_passes_on_at_the_drain() {
    let sandbox = Sandbox::create().await;
    let first = Worker::start(lease(&sandbox).await);
    eventually(SOON, async || first.rounds.count() > 1).await;
    let second = Worker::start(lease(&sandbox).await);
    first.shutdown.begin_drain();
    first.shutdown.finished().await;
    let done = first.rounds.count();
    eventually(SOON, async || second.rounds.count() > 1).await;
    assert_eq!(first.rounds.count(), done);
    second.shutdown.begin_drain();
    second.shutdown.finished().await;
}
