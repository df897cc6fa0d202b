//! What people do, and what there must be when they have done it.

pub(super) mod accounts;
pub(super) mod blocks;
pub(super) mod comments;
pub(super) mod follows;
pub(super) mod moderation;
pub(super) mod posts;
pub(super) mod requests;
pub(super) mod saves;

use contracts::{
    events::v1::{Event, FollowState, event::Fact},
    jobs::v1::{Jobs, NotificationKind, job::Work},
    topology::{FOLLOW_CHANGED, NOTIFICATIONS},
};
use mongodb::bson::{Document, oid::ObjectId};
use serde_json::Value;
use testkit::{Client, Method, Response, User};

use super::rig::Rig;

/// Sends without minding that nobody may answer.
async fn attempt(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Option<Response> {
    let mut request = client.request(method, path);
    if let Some(body) = body {
        request = request.json(body);
    }
    client.try_send(request).await.ok()
}

/// The same, as a request that is always the same one.
async fn attempt_once(user: &User, path: &str, body: &Value) -> Option<Response> {
    let client = (**user).clone().with_header("idempotency-key", "the-first");
    attempt(&client, Method::POST, path, Some(body)).await
}

/// Whether an attempt was answered so.
fn has(answer: Option<&Response>, status: u16) -> bool {
    answer.is_some_and(|answer| answer.status == status)
}

fn id(text: &str) -> ObjectId {
    ObjectId::parse_str(text).unwrap()
}

/// The id of a document that the API has shown.
fn id_of(document: &Value) -> &str {
    document["_id"].as_str().unwrap()
}

/// Whether one of the events published under `key` says so.
fn is_published(rig: &Rig, key: &str, says: impl Fn(Fact) -> bool) -> bool {
    let events = rig.published(key);
    let mut facts = events
        .iter()
        .filter_map(|event| Event::from_bytes(event).unwrap().fact);
    facts.any(says)
}

/// Whether it was published that `ana` stands so to `bo` now.
fn is_follow_published(rig: &Rig, ana: &User, bo: &User, state: FollowState) -> bool {
    is_published(rig, FOLLOW_CHANGED, |fact| {
        matches!(fact, Fact::FollowChanged(it)
            if it.follower_id == ana.id && it.followee_id == bo.id && it.state() == state)
    })
}

/// Whether `user` is told that `actor` did something of this kind.
fn is_told(rig: &Rig, user: &User, kind: NotificationKind, actor: &User) -> bool {
    let messages = rig.published(NOTIFICATIONS);
    let mut jobs = messages
        .iter()
        .flat_map(|it| Jobs::from_bytes(it).unwrap().jobs);
    jobs.any(|job| {
        matches!(job.work, Some(Work::Notify(it))
            if it.user_id == user.id && it.kind() == kind
                && it.actors.iter().any(|one| one.user_id == actor.id))
    })
}

async fn count(rig: &Rig, collection: &str, filter: Document) -> u64 {
    let documents = rig.mongodb().collection::<Document>(collection);
    documents.count_documents(filter).await.unwrap()
}

/// `ana` and `bo`, who do not know each other.
async fn two(rig: &Rig) -> (User, User) {
    tokio::join!(rig.user("ana"), rig.user("bo"))
}
