use contracts::jobs::v1::NotificationKind;
use serde_json::json;
use testkit::{Method, User};

use super::{
    attempt,
    follows::{is_followed, sees},
    has, is_told, two,
};
use crate::crashes::{rig::Rig, rounds::Story};

/// Those who ask the same account.
const FANS: usize = 2;

pub(in crate::crashes) struct Accept;

impl Story for Accept {
    /// Who has asked whom.
    type Cast = (User, User);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let (ana, bo) = two(rig).await;
        bo.make_private().await;
        assert_eq!(ana.follow(&bo).await["requested"], true);
        (ana, bo)
    }

    async fn act((ana, bo): Self::Cast) -> bool {
        let path = format!("/api/users/me/follow-requests/{}/accept", ana.id);
        has(attempt(&bo, Method::POST, &path, None).await.as_ref(), 200)
    }

    async fn check(rig: &Rig, (ana, bo): &Self::Cast, point: &str) {
        is_accepted(rig, ana, bo, point).await;
        sees(ana, bo, true, point).await;
    }
}

pub(in crate::crashes) struct GoPublic;

impl Story for GoPublic {
    /// Who goes public, and who has asked.
    type Cast = (User, [User; FANS]);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let (star, (one, two)) = tokio::join!(rig.user("star"), two(rig));
        star.make_private().await;
        for fan in [&one, &two] {
            assert_eq!(fan.follow(&star).await["requested"], true);
        }
        (star, [one, two])
    }

    async fn act((star, _): Self::Cast) -> bool {
        let body = json!({ "is_private": false });
        let answer = attempt(&star, Method::PATCH, "/api/users/me", Some(&body)).await;
        has(answer.as_ref(), 200)
    }

    async fn check(rig: &Rig, (star, fans): &Self::Cast, point: &str) {
        for fan in fans {
            is_accepted(rig, fan, star, point).await;
        }
        assert_eq!(star.me().await["followers_count"], FANS, "{point}");
    }
}

async fn is_accepted(rig: &Rig, fan: &User, star: &User, point: &str) {
    is_followed(rig, fan, star, true, point).await;
    let kind = NotificationKind::FollowAccepted;
    assert!(is_told(rig, fan, kind, star), "{point}");
}
