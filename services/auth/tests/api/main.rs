//! The operations of auth, one file each, over HTTP and with real servers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accept_follow_request;
mod access;
mod audit_log;
mod block;
mod blocks;
mod change_password;
mod copies;
mod counters;
mod create_admin;
mod create_report;
mod decline_follow_request;
mod delete_me;
mod end_session;
mod events;
mod exchange_token;
mod export_me;
mod follow;
mod follow_requests;
mod followers;
mod following;
mod forgot_password;
mod get_report;
mod get_user;
mod going_public;
mod grpc;
mod inspect_user;
mod jwks;
mod list_reports;
mod list_sessions;
mod login;
mod logout;
mod me;
mod moderate_user;
mod mute;
mod register;
mod relations;
mod resend_verification;
mod reset_password;
mod resolve_report;
mod search_users;
mod suggestions;
mod unblock;
mod unfollow;
mod unmute;
mod update_me;
mod verify_email;

use std::time::Duration;

use bson::{Document, doc, oid::ObjectId};
use contracts::rpc::{Caller, CallerChannel};
use domain::{SessionId, UserId};
use futures_util::TryStreamExt;
use runtime::Clock;
use serde_json::Value;
use testkit::{Client, Stack, User, eventually};

/// Long enough for whatever happens in the background.
const SOON: Duration = Duration::from_secs(20);

/// auth alone; tests speak to it as the gateway would.
async fn auth() -> Stack {
    let builder = Stack::builder().without_gateway().without_posts();
    builder.start().await
}

/// auth alone, with servers that can fail.
async fn auth_with_outages() -> Stack {
    let builder = Stack::builder().without_gateway().without_posts();
    builder.with_outages().start().await
}

/// Somebody who has just registered.
async fn user(stack: &Stack, name: &str) -> User {
    User::register(&stack.insider(), name).await
}

/// One of many, with an account that was planted and a token that was forged:
/// registering takes a core for longer than a test has.
struct Somebody {
    id: String,
    token: String,
    client: Client,
}

impl std::ops::Deref for Somebody {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

async fn crowd(stack: &Stack, count: usize) -> Vec<Somebody> {
    let (signer, door) = (stack.signer(), stack.insider());
    let ids: Vec<UserId> = (0..count).map(|_| UserId::generate()).collect();
    let accounts = ids.iter().map(|id| {
        let username = format!("u{id}");
        doc! { "_id": *id, "username": &username, "username_lower": &username }
    });
    let users = stack.mongodb().collection::<Document>("users");
    users.insert_many(accounts).await.unwrap();
    let lifetime = Duration::from_hours(1);
    let somebody = |id: UserId| {
        let now = stack.clock().now();
        let issued = signer.issue(id, SessionId::generate(), now, lifetime);
        let (token, _) = issued.unwrap();
        Somebody {
            id: id.to_string(),
            client: door.clone().with_token(&token),
            token,
        }
    };
    ids.into_iter().map(somebody).collect()
}

/// Plants follows in the order of `pairs`, follower first.
async fn plant(stack: &Stack, pairs: impl Iterator<Item = (String, String)>, status: &str) {
    let id = |text: &str| text.parse::<UserId>().unwrap();
    let edges = pairs.map(|(follower, followee)| {
        doc! {
            "_id": ObjectId::new(),
            "follower_id": id(&follower),
            "followee_id": id(&followee),
            "status": status,
            "created_at": bson::DateTime::now(),
        }
    });
    let follows = stack.mongodb().collection::<Document>("follows");
    follows.insert_many(edges).await.unwrap();
}

/// The documents of a collection that match, by `_id`.
async fn documents(stack: &Stack, collection: &str, filter: Document) -> Vec<Document> {
    let collection = stack.mongodb().collection::<Document>(collection);
    let found = collection.find(filter).sort(doc! { "_id": 1 }).await;
    found.unwrap().try_collect().await.unwrap()
}

/// Waits until everything is counted.
async fn counted(stack: &Stack) {
    eventually(SOON, async || {
        documents(stack, "follow_changes", doc! {}).await.is_empty()
    })
    .await;
}

/// The stored counters of an account, followers and following.
async fn stored_counts(stack: &Stack, id: &str) -> (i64, i64) {
    let id: UserId = id.parse().unwrap();
    let found = documents(stack, "users", doc! { "_id": id }).await;
    let count = |field: &str| match found[0].get(field) {
        None => 0,
        Some(number) => number.as_i64().unwrap(),
    };
    (count("followers_count"), count("following_count"))
}

/// The ids of a list's items.
fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap();
    let id = |item: &Value| item["_id"].as_str().unwrap().to_owned();
    items.iter().map(id).collect()
}

/// Every id of the list at `path`, which ends with `?` or `&`, that cursors lead
/// to; each page but the last is full.
async fn cursors(client: &Client, path: &str, limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut query = format!("{path}limit={limit}");
    loop {
        let page = client.get(&query).await.expect(200);
        found.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else {
            assert_eq!(page["has_more"], false);
            return found;
        };
        assert_eq!(page["has_more"], true);
        assert_eq!(ids(&page).len(), limit);
        query = format!("{path}limit={limit}&cursor={cursor}");
    }
}

/// The way to the internal API.
fn channel(stack: &Stack) -> CallerChannel {
    let url = stack.auth_grpc_url();
    Caller::channel(&url, stack.credential(), SOON).unwrap()
}
