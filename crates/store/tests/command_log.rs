//! The command log, as operators and the tests of every service use it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use bson::{Document, doc};
use clap::Parser;
use store::{MongoSettings, Store};
use testkit::Sandbox;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    mongo: MongoSettings,
}

async fn store(sandbox: &Sandbox) -> Store {
    let flags = [
        "x".into(),
        format!("--mongodb-uri={}", sandbox.mongodb_uri()),
        format!("--mongodb-database={}", sandbox.mongodb_database()),
        format!("--mongodb-command-log={}", sandbox.command_log().display()),
    ];
    let settings = Flags::parse_from(flags).mongo;
    Store::connect(&settings, "test").await.unwrap()
}

async fn greet(store: &Store, name: &str) {
    let people = store.collection::<Document>("people");
    people.insert_one(doc! { "_id": name }).await.unwrap();
    let ask = people.find_one(doc! { "_id": name });
    ask.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_shape_is_written_once_and_no_value_at_all() {
    let sandbox = Sandbox::create().await;
    let one = store(&sandbox).await;
    greet(&one, "ana").await;
    greet(&one, "bo").await;
    let written = fs::read_to_string(sandbox.command_log()).unwrap();
    let lines: Vec<Document> = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let find = doc! { "find": "people", "filter": { "_id": "text" }, "limit": 1 };
    let database = sandbox.mongodb_database();
    assert_eq!(
        lines,
        [
            doc! { "db": database, "command": { "insert": "people" } },
            doc! { "db": database, "command": find },
        ]
    );
    // Another process adds to the same file.
    let two = store(&sandbox).await;
    greet(&two, "cy").await;
    let written = fs::read_to_string(sandbox.command_log()).unwrap();
    assert_eq!(written.lines().count(), 4);
}

#[tokio::test]
#[should_panic(expected = "reads the whole collection (COLLSCAN): {\"find\":\"people\"")]
async fn a_query_that_no_index_answers_fails_its_test() {
    let sandbox = Sandbox::create().await;
    let store = store(&sandbox).await;
    greet(&store, "ana").await;
    let people = store.collection::<Document>("people");
    people.find_one(doc! { "colour": "red" }).await.unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::create().await;
    let mut settings = Flags::parse_from([
        "x".to_owned(),
        format!("--mongodb-uri={}", sandbox.mongodb_uri()),
    ]);
    settings.mongo.mongodb_command_log = Some("/nowhere/commands".into());
    let refused = Store::connect(&settings.mongo, "test").await.unwrap_err();
    let reason = std::error::Error::source(&refused).unwrap().to_string();
    assert!(reason.contains("/nowhere/commands"), "{reason}");
}
