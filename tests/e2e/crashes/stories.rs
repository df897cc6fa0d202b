use contracts::events::v1::{Event, FollowState, event::Fact};
use mongodb::bson::{Document, doc, oid::ObjectId};
use serde_json::{Value, json};
use testkit::{Client, Method, Response, User, registration};

use super::{rig::Rig, rounds::Story};

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

fn id(text: &str) -> ObjectId {
    ObjectId::parse_str(text).unwrap()
}

/// Whether one of the events published under `key` says so.
fn is_published(rig: &Rig, key: &str, says: impl Fn(Fact) -> bool) -> bool {
    let events = rig.published(key);
    let mut facts = events
        .iter()
        .filter_map(|event| Event::from_bytes(event).unwrap().fact);
    facts.any(says)
}

async fn count(rig: &Rig, collection: &str, filter: Document) -> u64 {
    let documents = rig.mongodb().collection::<Document>(collection);
    documents.count_documents(filter).await.unwrap()
}

pub(super) struct Register;

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
    }
}

/// `ana` and `bo`, who do not know each other.
async fn two(rig: &Rig) -> (User, User) {
    tokio::join!(rig.user("ana"), rig.user("bo"))
}

async fn follow(method: Method, ana: &User, bo: &User) -> bool {
    let path = format!("/api/users/{}/follow", bo.id);
    let answer = attempt(ana, method, &path, None).await;
    answer.is_some_and(|answer| answer.status == 200)
}

async fn is_followed(rig: &Rig, (ana, bo): &(User, User), expected: bool, point: &str) {
    let edge = doc! { "follower_id": id(&ana.id), "followee_id": id(&bo.id) };
    let edges = count(rig, "follows", edge).await;
    assert_eq!(edges, u64::from(expected), "{point}");
    let state = if expected {
        FollowState::Following
    } else {
        FollowState::None
    };
    let is_published = is_published(rig, "users.follow_changed", |fact| {
        matches!(fact, Fact::FollowChanged(it)
            if it.follower_id == ana.id && it.followee_id == bo.id && it.state() == state)
    });
    assert!(is_published, "{point}");
    let seen = ana.get(&format!("/api/users/{}", bo.id)).await.expect(200);
    assert_eq!(seen["relation"]["following"], expected, "{point}");
    assert_eq!(seen["followers_count"], i64::from(expected), "{point}");
}

pub(super) struct Follow;

impl Story for Follow {
    type Cast = (User, User);

    async fn prepare(rig: &Rig) -> Self::Cast {
        two(rig).await
    }

    async fn act((ana, bo): Self::Cast) -> bool {
        follow(Method::POST, &ana, &bo).await
    }

    async fn check(rig: &Rig, cast: &Self::Cast, point: &str) {
        is_followed(rig, cast, true, point).await;
    }
}

pub(super) struct Unfollow;

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

    async fn check(rig: &Rig, cast: &Self::Cast, point: &str) {
        is_followed(rig, cast, false, point).await;
    }
}

pub(super) struct CreatePost;

impl Story for CreatePost {
    type Cast = User;

    async fn prepare(rig: &Rig) -> Self::Cast {
        rig.user("ana").await
    }

    async fn act(ana: Self::Cast) -> bool {
        create(&ana)
            .await
            .is_some_and(|answer| answer.status == 201)
    }

    async fn check(rig: &Rig, ana: &Self::Cast, point: &str) {
        let own = doc! { "user_id": id(&ana.id) };
        assert_eq!(count(rig, "posts", own).await, 1, "{point}");
        // Whoever asks once more is told of the same post.
        let post = create(ana).await.unwrap().expect(201);
        assert_eq!(ana.feed().await[0]["_id"], post["_id"], "{point}");
        let is_published = is_published(rig, "posts.created", |fact| {
            matches!(fact, Fact::PostCreated(it)
                if it.post_id == post["_id"] && it.author_id == ana.id)
        });
        assert!(is_published, "{point}");
    }
}

/// Always the same request.
async fn create(ana: &User) -> Option<Response> {
    let client = (**ana)
        .clone()
        .with_header("idempotency-key", "the-first-post");
    let body = json!({ "content": "hello" });
    attempt(&client, Method::POST, "/api/posts", Some(&body)).await
}

pub(super) struct DeletePost;

impl Story for DeletePost {
    /// Whose post, and its id.
    type Cast = (User, String);

    async fn prepare(rig: &Rig) -> Self::Cast {
        let ana = rig.user("ana").await;
        let post = ana.publish("not for long").await;
        (ana, post["_id"].as_str().unwrap().to_owned())
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
            "posts.deleted",
            |fact| matches!(fact, Fact::PostDeleted(it) if it.post_id == *post && it.author_id == ana.id),
        );
        assert!(is_published, "{point}");
    }
}
