use contracts::{events::v1::event::Fact, topology::USER_CHANGED};
use mongodb::bson::doc;
use serde_json::json;
use testkit::{Method, Response, User};

use super::{attempt, attempt_once, count, has, id, id_of, is_published, two};
use crate::crashes::{rig::Rig, rounds::Story};

/// Always the same request.
async fn report(ana: &User, bo: &User) -> Option<Response> {
    let body = json!({ "target_type": "user", "target_id": bo.id, "reason": "spam" });
    attempt_once(ana, "/api/reports", &body).await
}

pub(in crate::crashes) struct Report;

impl Story for Report {
    /// Who reports whom.
    type Cast = (User, User);

    async fn prepare(rig: &Rig) -> Self::Cast {
        two(rig).await
    }

    async fn act((ana, bo): Self::Cast) -> bool {
        has(report(&ana, &bo).await.as_ref(), 202)
    }

    async fn check(rig: &Rig, (ana, bo): &Self::Cast, point: &str) {
        let told = report(ana, bo).await.unwrap().expect(202);
        let theirs = doc! { "reporter_id": id(&ana.id) };
        assert_eq!(count(rig, "reports", theirs).await, 1, "{point}");
        let told = doc! { "_id": id(id_of(&told)), "reports_count": 1 };
        assert_eq!(count(rig, "report_cases", told).await, 1, "{point}");
    }
}

pub(in crate::crashes) struct Suspend;

impl Story for Suspend {
    /// Who judges whom.
    type Cast = (User, User);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let (moderator, ana) = two(rig).await;
        rig.make_moderator(&moderator).await;
        (moderator, ana)
    }

    async fn act((moderator, ana): Self::Cast) -> bool {
        let (path, body) = (
            format!("/api/admin/users/{}", ana.id),
            json!({ "status": "suspended", "reason": "spam" }),
        );
        let answer = attempt(&moderator, Method::PATCH, &path, Some(&body)).await;
        has(answer.as_ref(), 200)
    }

    async fn check(rig: &Rig, (_, ana): &Self::Cast, point: &str) {
        let alive = doc! { "user_id": id(&ana.id), "revoked_at": null };
        assert_eq!(count(rig, "sessions", alive).await, 0, "{point}");
        ana.get("/api/auth/me").await.expect(401);
        let audited = doc! { "target_id": id(&ana.id) };
        assert_eq!(count(rig, "audit_log", audited).await, 1, "{point}");
        let is_published = is_published(
            rig,
            USER_CHANGED,
            |fact| matches!(fact, Fact::UserChanged(it) if it.user_id == ana.id && it.standing_changed),
        );
        assert!(is_published, "{point}");
    }
}
