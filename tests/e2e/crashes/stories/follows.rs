use contracts::events::v1::FollowState;
use mongodb::bson::doc;
use testkit::{Method, User};

use super::{attempt, count, has, id, is_follow_published, two};
use crate::crashes::{rig::Rig, rounds::Story};

async fn follow(method: Method, ana: &User, bo: &User) -> bool {
    let path = format!("/api/users/{}/follow", bo.id);
    has(attempt(ana, method, &path, None).await.as_ref(), 200)
}

/// Makes sure that `ana` follows `bo`, or that she does not, and that it is told.
pub(super) async fn is_followed(rig: &Rig, ana: &User, bo: &User, expected: bool, point: &str) {
    let edge = doc! {
        "follower_id": id(&ana.id), "followee_id": id(&bo.id), "status": "accepted",
    };
    let edges = count(rig, "follows", edge).await;
    assert_eq!(edges, u64::from(expected), "{point}");
    let state = if expected {
        FollowState::Following
    } else {
        FollowState::None
    };
    assert!(is_follow_published(rig, ana, bo, state), "{point}");
}

/// Makes sure that `ana`, who may look at `bo`, sees so.
pub(super) async fn sees(ana: &User, bo: &User, expected: bool, point: &str) {
    let seen = ana.get(&format!("/api/users/{}", bo.id)).await.expect(200);
    assert_eq!(seen["relation"]["following"], expected, "{point}");
    assert_eq!(seen["followers_count"], i64::from(expected), "{point}");
}

pub(in crate::crashes) struct Follow;

impl Story for Follow {
    type Cast = (User, User);

    async fn prepare(rig: &Rig) -> Self::Cast {
        two(rig).await
    }

    async fn act((ana, bo): Self::Cast) -> bool {
        follow(Method::POST, &ana, &bo).await
    }

    async fn check(rig: &Rig, (ana, bo): &Self::Cast, point: &str) {
        is_followed(rig, ana, bo, true, point).await;
        sees(ana, bo, true, point).await;
    }
}

pub(in crate::crashes) struct Unfollow;

impl Story for Unfollow {
    type Cast = (User, User);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let (ana, bo) = two(rig).await;
        ana.follow(&bo).await;
        (ana, bo)
    }

    async fn act((ana, bo): Self::Cast) -> bool {
        follow(Method::DELETE, &ana, &bo).await
    }

    async fn check(rig: &Rig, (ana, bo): &Self::Cast, point: &str) {
        is_followed(rig, ana, bo, false, point).await;
        sees(ana, bo, false, point).await;
    }
}
