use contracts::jobs::v1::NotificationKind;
use mongodb::bson::doc;
use serde_json::{Value, json};
use testkit::{Method, Response, User};

use super::{attempt, attempt_once, count, has, id, id_of, is_told, two};
use crate::crashes::{rig::Rig, rounds::Story};

/// Always the same request.
async fn say(ana: &User, post: &Value, parent: &Value) -> Option<Response> {
    let body = json!({ "content": "I say", "parent_id": parent["_id"] });
    let path = format!("/api/posts/{}/comments", id_of(post));
    attempt_once(ana, &path, &body).await
}

/// Makes sure that `ana` has said it once, and that `bo` is told.
async fn is_said(rig: &Rig, (ana, bo): (&User, &User), said: &Value, kind: NotificationKind) {
    let own = doc! { "user_id": id(&ana.id) };
    assert_eq!(count(rig, "comments", own).await, 1, "{said}");
    assert!(is_told(rig, bo, kind, ana), "{said}");
}

/// Makes sure that `ana`, who has just asked, sees so many comments.
async fn sees(ana: &User, post: &Value, count: i64, point: &str) {
    let path = format!("/api/posts/{}", id_of(post));
    let seen = ana.get(&path).await.expect(200);
    assert_eq!(seen["comments_count"], count, "{point}");
}

pub(in crate::crashes) struct CreateComment;

impl Story for CreateComment {
    /// Who comments, on whose post.
    type Cast = (User, User, Value);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let (ana, bo) = two(rig).await;
        let post = bo.publish("hello").await;
        (ana, bo, post)
    }

    async fn act((ana, _, post): Self::Cast) -> bool {
        has(say(&ana, &post, &Value::Null).await.as_ref(), 201)
    }

    async fn check(rig: &Rig, (ana, bo, post): &Self::Cast, point: &str) {
        // Whoever asks once more is told of the same comment.
        let said = say(ana, post, &Value::Null).await.unwrap().expect(201);
        is_said(rig, (ana, bo), &said, NotificationKind::Comment).await;
        sees(ana, post, 1, point).await;
    }
}

pub(in crate::crashes) struct Reply;

impl Story for Reply {
    /// Who replies, to whom, and to what.
    type Cast = (User, User, Value, Value);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let (ana, bo) = two(rig).await;
        let post = ana.publish("hello").await;
        let comment = bo.comment(&post, "well?").await;
        (ana, bo, post, comment)
    }

    async fn act((ana, _, post, comment): Self::Cast) -> bool {
        has(say(&ana, &post, &comment).await.as_ref(), 201)
    }

    async fn check(rig: &Rig, (ana, bo, post, comment): &Self::Cast, point: &str) {
        let said = say(ana, post, comment).await.unwrap().expect(201);
        assert_eq!(said["parent_id"], comment["_id"], "{point}");
        is_said(rig, (ana, bo), &said, NotificationKind::Reply).await;
        sees(ana, post, 2, point).await;
    }
}

pub(in crate::crashes) struct DeleteComment;

impl Story for DeleteComment {
    /// Whose comment, which has a reply, and on what.
    type Cast = (User, Value, Value);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let (ana, bo) = two(rig).await;
        let post = bo.publish("hello").await;
        let comment = ana.comment(&post, "not for long").await;
        bo.reply(&comment, "a pity").await;
        (ana, post, comment)
    }

    async fn act((ana, _, comment): Self::Cast) -> bool {
        let path = format!("/api/comments/{}", id_of(&comment));
        let answer = attempt(&ana, Method::DELETE, &path, None).await;
        answer.is_some_and(|it| it.status == 204 || it.problem_code() == "comment_not_found")
    }

    async fn check(_: &Rig, (ana, post, _): &Self::Cast, point: &str) {
        let path = format!("/api/posts/{}/comments", id_of(post));
        assert!(ana.list(&path).await.is_empty(), "{point}");
    }
}
