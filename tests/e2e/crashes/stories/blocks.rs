use contracts::{events::v1::event::Fact, topology::BLOCK_CHANGED};
use mongodb::bson::doc;
use testkit::{Method, User};

use super::{attempt, count, follows::is_followed, has, id, is_published, two};
use crate::crashes::{rig::Rig, rounds::Story};

async fn set(method: Method, ana: &User, bo: &User) -> bool {
    let path = format!("/api/users/{}/block", bo.id);
    has(attempt(ana, method, &path, None).await.as_ref(), 204)
}

async fn is_blocked(rig: &Rig, ana: &User, bo: &User, expected: bool, point: &str) {
    let block = doc! { "user_id": id(&ana.id), "blocked_id": id(&bo.id), "kind": "block" };
    let blocks = count(rig, "blocks", block).await;
    assert_eq!(blocks, u64::from(expected), "{point}");
    let is_published = is_published(rig, BLOCK_CHANGED, |fact| {
        matches!(fact, Fact::BlockChanged(it)
            if it.user_id == ana.id && it.blocked_id == bo.id)
    });
    assert!(is_published, "{point}");
    let answer = bo.get(&format!("/api/users/{}", ana.id)).await;
    let status = if expected { 404 } else { 200 };
    assert_eq!(answer.status, status, "{point}");
}

pub(in crate::crashes) struct Block;

impl Story for Block {
    /// Two who follow each other.
    type Cast = (User, User);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let (ana, bo) = two(rig).await;
        ana.follow(&bo).await;
        bo.follow(&ana).await;
        (ana, bo)
    }

    async fn act((ana, bo): Self::Cast) -> bool {
        set(Method::POST, &ana, &bo).await
    }

    async fn check(rig: &Rig, (ana, bo): &Self::Cast, point: &str) {
        is_blocked(rig, ana, bo, true, point).await;
        is_followed(rig, ana, bo, false, point).await;
        is_followed(rig, bo, ana, false, point).await;
        for user in [ana, bo] {
            let me = user.me().await;
            let counts = (&me["followers_count"], &me["following_count"]);
            assert_eq!(counts, (&0.into(), &0.into()), "{point}");
        }
    }
}

pub(in crate::crashes) struct Unblock;

impl Story for Unblock {
    type Cast = (User, User);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let (ana, bo) = two(rig).await;
        ana.block(&bo).await;
        (ana, bo)
    }

    async fn act((ana, bo): Self::Cast) -> bool {
        set(Method::DELETE, &ana, &bo).await
    }

    async fn check(rig: &Rig, (ana, bo): &Self::Cast, point: &str) {
        is_blocked(rig, ana, bo, false, point).await;
    }
}
