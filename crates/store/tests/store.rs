//! The kit against a real replica set, and against one that is gone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use bson::{Document, doc};
use clap::Parser;
use domain::ErrorKind;
use futures_util::FutureExt;
use mongodb::options::IndexOptions;
use store::{Index, MongoSettings, Operation, Store, StoreError};
use testkit::{Sandbox, eventually};

const INSERT: Operation = Operation {
    collection: "things",
    name: "insert",
};

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    mongo: MongoSettings,
}

/// More than the driver hands out at once.
const CROWD: usize = 100;

async fn store(sandbox: &Sandbox) -> Store {
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
        "--mongodb-timeout",
        "1s",
    ];
    Store::connect(&Flags::parse_from(flags).mongo, "test")
        .await
        .unwrap()
}

fn unique_name() -> Index {
    Index {
        collection: "things",
        name: "name_unique",
        keys: doc! { "name": 1 },
        options: IndexOptions::builder().unique(true).build(),
    }
}

async fn insert(store: &Store, name: &str) -> Result<(), StoreError> {
    let things = store.collection::<Document>("things");
    let document = doc! { "name": name };
    let insert = async move { things.insert_one(document).await };
    store.run(INSERT, insert).await?;
    Ok(())
}

#[tokio::test]
async fn a_collision_is_a_conflict_that_names_its_index() {
    let sandbox = Sandbox::create().await;
    let store = store(&sandbox).await;
    store.ensure_indexes(&[unique_name()]).await.unwrap();
    insert(&store, "a").await.unwrap();
    let error = insert(&store, "a").await.unwrap_err();
    assert_eq!(error.duplicate_index(), Some("name_unique"));
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_collision_in_a_transaction_undoes_all_of_it() {
    let sandbox = Sandbox::create().await;
    let store = store(&sandbox).await;
    store.ensure_indexes(&[unique_name()]).await.unwrap();
    insert(&store, "taken").await.unwrap();
    let things = store.collection::<Document>("things");
    let inserted = things.clone();
    let outcome = store.transaction(INSERT, move |session| {
        let things = inserted.clone();
        async move {
            for name in ["free", "taken"] {
                let document = doc! { "name": name };
                things.insert_one(document).session(&mut *session).await?;
            }
            Ok(())
        }
        .boxed()
    });
    let error = outcome.await.unwrap_err();
    assert_eq!(error.duplicate_index(), Some("name_unique"));
    let all = things.count_documents(doc! { "name": { "$gte": "" } });
    assert_eq!(all.await.unwrap(), 1);
}

#[tokio::test]
async fn indexes_can_be_ensured_again_but_not_changed() {
    let sandbox = Sandbox::create().await;
    let store = store(&sandbox).await;
    store.ensure_indexes(&[unique_name()]).await.unwrap();
    store.ensure_indexes(&[unique_name()]).await.unwrap();
    let changed = Index {
        keys: doc! { "name": -1 },
        ..unique_name()
    };
    assert!(store.ensure_indexes(&[changed]).await.is_err());
}

#[tokio::test]
async fn an_index_that_is_there_under_another_name_serves() {
    let sandbox = Sandbox::create().await;
    let store = store(&sandbox).await;
    let named = |name| Index {
        name,
        ..unique_name()
    };
    for name in ["name_1", "name_unique"] {
        store.ensure_indexes(&[named(name)]).await.unwrap();
    }
    insert(&store, "a").await.unwrap();
    let error = insert(&store, "a").await.unwrap_err();
    assert_eq!(error.duplicate_index(), Some("name_1"));
    let with_other_options = Index {
        options: IndexOptions::builder()
            .unique(true)
            .expire_after(Duration::from_secs(9))
            .build(),
        ..unique_name()
    };
    assert!(store.ensure_indexes(&[with_other_options]).await.is_err());
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable_until_it_is_back() {
    let sandbox = Sandbox::with_outages().await;
    let store = store(&sandbox).await;
    insert(&store, "before").await.unwrap();
    sandbox.mongodb_proxy().cut();
    assert_eq!(
        insert(&store, "during").await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    sandbox.mongodb_proxy().restore();
    eventually(Duration::from_secs(20), async || {
        insert(&store, "after").await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_is_unavailable_within_the_time_limit() {
    let sandbox = Sandbox::with_outages().await;
    let store = store(&sandbox).await;
    insert(&store, "before").await.unwrap();
    sandbox.mongodb_proxy().hang();
    let started = Instant::now();
    let error = insert(&store, "during").await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    // Generous for a busy machine, and far from the driver's own patience of minutes.
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_crowd_that_gave_up_is_not_in_the_way_of_who_comes_after() {
    let sandbox = Sandbox::with_outages().await;
    let store = store(&sandbox).await;
    insert(&store, "before").await.unwrap();
    sandbox.mongodb_proxy().hang();
    let crowd = (0..CROWD).map(|_| insert(&store, "during"));
    for outcome in futures_util::future::join_all(crowd).await {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    sandbox.mongodb_proxy().restore();
    let recovery = Duration::from_secs(20);
    eventually(recovery, async || insert(&store, "after").await.is_ok()).await;
}

#[tokio::test]
async fn reads_of_a_snapshot_see_one_moment() {
    let sandbox = Sandbox::create().await;
    let store = store(&sandbox).await;
    store.ensure_indexes(&[unique_name()]).await.unwrap();
    insert(&store, "ana").await.unwrap();
    let (things, writer) = (store.collection::<Document>("things"), store.clone());
    let all = || doc! { "name": { "$gte": "" } };
    let count = Operation {
        collection: "things",
        name: "count",
    };
    let seen = store
        .snapshot(count, move |session| {
            let (things, writer) = (things.clone(), writer.clone());
            async move {
                let before = things.count_documents(all()).session(&mut *session);
                let before = before.await?;
                insert(&writer, "bo").await.unwrap();
                let after = things.count_documents(all()).session(session);
                Ok((before, after.await?))
            }
            .boxed()
        })
        .await;
    assert_eq!(seen.unwrap(), (1, 1));
}
