use std::{collections::BTreeSet, time::Instant};

use bson::{Document, doc, oid::ObjectId};
use clap::Parser;
use secrecy::ExposeSecret;
use testkit::Stack;
use tokio::net::TcpListener;
use web::Failure;

use super::*;
use crate::Command;

/// The people of an auth, without anything kept.
fn people(auth_grpc_url: &str, credential: &str, auth_timeout: &str) -> People {
    let command = Command::try_parse_from([
        "posts",
        "serve",
        &format!("--auth-timeout={auth_timeout}"),
        &format!("--auth-grpc-url={auth_grpc_url}"),
        "--mongodb-uri=mongodb://unused",
        "--redis-url=redis://unused",
        "--amqp-url=amqp://unused",
        &format!("--service-credential={credential}"),
    ]);
    let Command::Serve(settings) = command.unwrap() else {
        panic!("not what was asked for");
    };
    let cache = Cache::connect(&settings.redis).unwrap();
    People::connect(&settings, &cache).unwrap()
}

fn people_of(stack: &Stack) -> People {
    let credential = stack.credential().expose_secret();
    people(&stack.auth_grpc_url(), credential, "10s")
}

/// Writes down who follows whom.
async fn follow(stack: &Stack, edges: impl Iterator<Item = (UserId, UserId)>) {
    let follows = edges.map(|(follower, followee)| {
        doc! {
            "_id": ObjectId::new(), "follower_id": follower, "followee_id": followee,
            "status": "accepted", "created_at": bson::DateTime::now(),
        }
    });
    let collection = stack.mongodb().collection::<Document>("follows");
    collection.insert_many(follows).await.unwrap();
}

fn strangers(count: usize) -> Vec<UserId> {
    let mut strangers: Vec<_> = (0..count).map(|_| UserId::generate()).collect();
    strangers.sort();
    strangers
}

#[tokio::test]
async fn who_hangs_is_not_waited_for() {
    // Connections are taken by the system, and nobody answers.
    let auth = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", auth.local_addr().unwrap());
    let people = people(&url, "0123456789abcdef0123456789abcdef", "100ms");
    let began = Instant::now();
    let viewer = UserId::generate();
    for refused in [
        people.related(viewer, &[]).await.map(drop),
        people.followee_ids(viewer).await.map(drop),
        people.followers_after(viewer, None).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code(), "unavailable");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn pages_of_followers_end_where_there_are_no_more() {
    let stack = Stack::builder().without_gateway().without_posts();
    let stack = stack.start().await;
    let people = people_of(&stack);
    for (count, lengths) in [
        (0, vec![0]),
        (3, vec![3]),
        // Whether a full page is the last one is not known before the next.
        (1_000, vec![1_000, 0]),
        (2_003, vec![1_000, 1_000, 3]),
    ] {
        let (author, followers) = (UserId::generate(), strangers(count));
        if count > 0 {
            follow(&stack, followers.iter().map(|id| (*id, author))).await;
        }
        let (mut seen, mut pages, mut position) = (Vec::new(), Vec::new(), None);
        loop {
            let page = people.followers_after(author, position).await.unwrap();
            pages.push(page.0.len());
            seen.extend(page.0);
            position = page.1;
            if position.is_none() {
                break;
            }
        }
        assert_eq!(pages, lengths);
        seen.sort();
        assert_eq!(seen, followers);
    }
}

#[tokio::test]
async fn everybody_whom_somebody_follows_is_told() {
    let stack = Stack::builder().without_gateway().without_posts();
    let stack = stack.start().await;
    let people = people_of(&stack);
    let (viewer, followees) = (UserId::generate(), strangers(1_500));
    assert!(people.followee_ids(viewer).await.unwrap().is_empty());
    follow(&stack, followees.iter().map(|id| (viewer, *id))).await;
    let told = people.followee_ids(viewer).await.unwrap();
    assert_eq!(told.len(), followees.len());
    assert!(BTreeSet::from_iter(told).into_iter().eq(followees));
}
