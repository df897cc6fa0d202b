use contracts::{
    events::v1::event::Fact,
    topology::{POST_CREATED, POST_DELETED},
};
use mongodb::bson::doc;
use serde_json::json;
use testkit::{Method, Response, User};

use super::{attempt, attempt_once, count, has, id, id_of, is_published};
use crate::crashes::{rig::Rig, rounds::Story};

pub(in crate::crashes) struct CreatePost;

impl Story for CreatePost {
    type Cast = User;

    async fn prepare(rig: &Rig) -> Self::Cast {
        rig.user("ana").await
    }

    async fn act(ana: Self::Cast) -> bool {
        has(create(&ana).await.as_ref(), 201)
    }

    async fn check(rig: &Rig, ana: &Self::Cast, point: &str) {
        let own = doc! { "user_id": id(&ana.id) };
        assert_eq!(count(rig, "posts", own).await, 1, "{point}");
        // Whoever asks once more is told of the same post.
        let post = create(ana).await.unwrap().expect(201);
        assert_eq!(ana.feed().await[0]["_id"], post["_id"], "{point}");
        let is_published = is_published(rig, POST_CREATED, |fact| {
            matches!(fact, Fact::PostCreated(it)
                if it.post_id == post["_id"] && it.author_id == ana.id)
        });
        assert!(is_published, "{point}");
    }
}

/// Always the same request.
async fn create(ana: &User) -> Option<Response> {
    attempt_once(ana, "/api/posts", &json!({ "content": "hello" })).await
}

pub(in crate::crashes) struct DeletePost;

impl Story for DeletePost {
    /// Whose post, and its id.
    type Cast = (User, String);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let ana = rig.user("ana").await;
        let post = ana.publish("not for long").await;
        (ana, id_of(&post).to_owned())
    }

    async fn act((ana, post): Self::Cast) -> bool {
        let path = format!("/api/posts/{post}");
        let answer = attempt(&ana, Method::DELETE, &path, None).await;
        // Gone already: an attempt without an answer had worked.
        answer.is_some_and(|it| it.status == 204 || it.problem_code() == "post_not_found")
    }

    async fn check(rig: &Rig, (ana, post): &Self::Cast, point: &str) {
        let path = format!("/api/posts/{post}");
        ana.get(&path).await.expect_problem(404, "post_not_found");
        assert!(ana.feed().await.is_empty(), "{point}");
        let is_published = is_published(
            rig,
            POST_DELETED,
            |fact| matches!(fact, Fact::PostDeleted(it) if it.post_id == *post && it.author_id == ana.id),
        );
        assert!(is_published, "{point}");
    }
}
