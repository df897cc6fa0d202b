use contracts::{events::v1::event::Fact, topology::USER_CHANGED};
use mongodb::bson::doc;
use serde_json::{Value, json};
use testkit::{Client, Method, User, registration};

use super::{attempt, count, id, is_published};
use crate::crashes::{rig::Rig, rounds::Story};

pub(in crate::crashes) struct Register;

impl Story for Register {
    type Cast = (Client, Value);

    async fn prepare(rig: &Rig) -> Self::Cast {
        (rig.door(), registration("ana"))
    }

    async fn act((door, body): Self::Cast) -> bool {
        let answer = attempt(&door, Method::POST, "/api/auth/register", Some(&body)).await;
        // Whoever hears of a conflict with themselves has an account.
        answer.is_some_and(|answer| matches!(answer.status, 201 | 409))
    }

    async fn check(rig: &Rig, (door, body): &Self::Cast, point: &str) {
        let username = doc! { "username": body["username"].as_str() };
        assert_eq!(count(rig, "users", username).await, 1, "{point}");
        let login = json!({ "email": body["email"], "password": body["password"] });
        door.post("/api/auth/login", &login).await.expect(200);
        let address = body["email"].as_str().unwrap();
        let letters = rig.letters(address, "Confirm your e-mail address");
        assert!(!letters.is_empty(), "{point}");
    }
}

pub(in crate::crashes) struct Leave;

impl Story for Leave {
    /// Who leaves, and who looks.
    type Cast = (User, User);

    async fn prepare(rig: &Rig) -> Self::Cast {
        super::two(rig).await
    }

    async fn act((ana, _): Self::Cast) -> bool {
        let body = json!({ "password": ana.password });
        let answer = attempt(&ana, Method::DELETE, "/api/auth/me", Some(&body)).await;
        // Whose login has ended has left.
        answer.is_some_and(|answer| matches!(answer.status, 202 | 401))
    }

    async fn check(rig: &Rig, (ana, bo): &Self::Cast, point: &str) {
        let left = doc! { "_id": id(&ana.id), "status": "deleted" };
        assert_eq!(count(rig, "users", left).await, 1, "{point}");
        let alive = doc! { "user_id": id(&ana.id), "revoked_at": null };
        assert_eq!(count(rig, "sessions", alive).await, 0, "{point}");
        bo.get(&format!("/api/users/{}", ana.id)).await.expect(404);
        let is_published = is_published(
            rig,
            USER_CHANGED,
            |fact| matches!(fact, Fact::UserChanged(it) if it.user_id == ana.id && it.standing_changed),
        );
        assert!(is_published, "{point}");
    }
}
