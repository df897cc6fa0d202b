//! What others are told.

use std::time::Duration;

use bson::{Binary, Bson, Document, doc};
use bus::{AmqpSettings, Message, Publisher};
use contracts::{
    events::v1::{Event, PostCreated, PostDeleted, PostEdited, PostsCounted, event::Fact},
    jobs::v1::{Jobs, PostAdded, PostRemoved, job::Work, update_feeds::Change},
};
use futures_util::{TryStreamExt, future::join_all};
use serde_json::json;
use testkit::{Stack, User, eventually};

use crate::{path, patient_builder, planted};

const SOON: Duration = Duration::from_secs(20);

/// What waits for the broker, oldest first: facts, and jobs.
async fn rows(stack: &Stack) -> (Vec<Document>, Vec<Document>) {
    let outbox = stack.mongodb().collection::<Document>("posts_outbox");
    let rows = outbox
        .find(doc! {})
        .sort(doc! { "created_at": 1, "_id": 1 });
    let rows: Vec<Document> = rows.await.unwrap().try_collect().await.unwrap();
    rows.into_iter()
        .partition(|row| matches!(row.get_str("exchange"), Ok("anufy.events")))
}

fn change(row: &Document) -> Change {
    let jobs = Jobs::from_bytes(&payload(row)).unwrap().jobs;
    assert_eq!(jobs[0].id, row.get_object_id("_id").unwrap().to_hex());
    let Some(Work::UpdateFeeds(update)) = &jobs[0].work else {
        panic!("{jobs:?}");
    };
    assert_eq!(row.get_str("key").unwrap(), "feed-updates-queue");
    assert_eq!(row.get_str("exchange").unwrap(), "anufy.jobs");
    update.change.clone().unwrap()
}

fn fact(row: &Document) -> Fact {
    let event = Event::from_bytes(&payload(row)).unwrap();
    assert_eq!(event.id, row.get_object_id("_id").unwrap().to_hex());
    let fact = event.fact.unwrap();
    assert_eq!(row.get_str("key").unwrap(), fact.routing_key());
    fact
}

fn payload(row: &Document) -> Vec<u8> {
    match row.get("payload") {
        Some(Bson::Binary(Binary { bytes, .. })) => bytes.clone(),
        other => panic!("{other:?} is no payload"),
    }
}

fn counted(user: &User, count: i64, version: i64) -> Fact {
    Fact::PostsCounted(PostsCounted {
        author_id: user.id.clone(),
        count,
        version,
    })
}

#[tokio::test]
async fn every_change_waits_there_while_the_broker_is_down_and_arrives_afterwards() {
    let stack = Stack::builder().with_outages().start().await;
    let ana = stack.user("ana").await;
    stack.sandbox().amqp_proxy().cut();
    let post = ana.publish("hi").await;
    let edit = json!({ "caption": "ho" });
    ana.patch(&path(&post), &edit).await.expect(200);
    ana.delete(&path(&post)).await.expect(204);
    ana.publish("stays").await;

    let (rows, jobs) = rows(&stack).await;
    let (post_id, author_id) = (post["_id"].as_str().unwrap().to_owned(), ana.id.clone());
    let mut facts: Vec<Fact> = rows.iter().map(fact).collect();
    let Fact::PostCreated(PostCreated { created_at, .. }) = facts[0].clone() else {
        panic!("{facts:?}");
    };
    assert!(created_at.is_some());
    assert!(matches!(facts.remove(5), Fact::PostCreated(_)));
    let changes: Vec<Change> = jobs.iter().map(change).collect();
    let removed = Change::PostRemoved(PostRemoved {
        post_id: post_id.clone(),
    });
    let added = Change::PostAdded(PostAdded {
        post_id: post_id.clone(),
        created_at,
    });
    assert_eq!(changes[..2], [added, removed]);
    assert!(matches!(changes[2..], [Change::PostAdded(_)]));
    let expected = [
        Fact::PostCreated(PostCreated {
            post_id: post_id.clone(),
            author_id: author_id.clone(),
            created_at,
        }),
        counted(&ana, 1, 1),
        Fact::PostEdited(PostEdited {
            post_id: post_id.clone(),
            author_id: author_id.clone(),
        }),
        Fact::PostDeleted(PostDeleted { post_id, author_id }),
        counted(&ana, 0, 2),
        counted(&ana, 1, 3),
    ];
    assert_eq!(facts, expected);

    stack.sandbox().amqp_proxy().restore();
    eventually(SOON, async || {
        let (facts, jobs) = self::rows(&stack).await;
        facts.is_empty() && jobs.is_empty()
    })
    .await;
    eventually(SOON, async || ana.me().await["posts_count"] == 1).await;

    // What comes late, or again, changes nothing.
    let publisher = Publisher::new(
        &AmqpSettings {
            amqp_url: stack.sandbox().direct_amqp_url().await.into(),
        },
        "test",
    );
    for row in &rows {
        let message = Message {
            id: row.get_object_id("_id").unwrap().to_hex(),
            exchange: "anufy.events".to_owned(),
            key: row.get_str("key").unwrap().to_owned(),
            headers: Vec::new(),
            payload: payload(row),
        };
        publisher.publish(&message).await.unwrap();
    }
    ana.publish("one more").await;
    eventually(SOON, async || ana.me().await["posts_count"] == 2).await;
}

#[tokio::test]
async fn each_count_has_a_version_of_its_own() {
    let stack = patient_builder().with_outages().start().await;
    let ana = stack.user("ana").await;
    stack.sandbox().amqp_proxy().cut();
    let posts = join_all((0..10).map(|_| ana.publish("hi"))).await;
    join_all(
        posts
            .iter()
            .map(|post| async { ana.delete(&path(post)).await.expect(204) }),
    )
    .await;

    let mut counts = Vec::new();
    for row in rows(&stack).await.0 {
        if let Fact::PostsCounted(PostsCounted { count, version, .. }) = fact(&row) {
            counts.push((version, count));
        }
    }
    counts.sort_unstable();
    let expected: Vec<_> = (1..=20).map(|n: i64| (n, 10 - (n - 10).abs())).collect();
    assert_eq!(counts, expected);
    assert_eq!(planted::count(&stack, &ana).await, Some((0, 20)));
}
