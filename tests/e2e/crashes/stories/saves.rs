use serde_json::Value;
use testkit::{Method, User};

use super::{attempt, has, id_of, two};
use crate::crashes::{rig::Rig, rounds::Story};

/// Who saves, and what.
type Cast = (User, Value);

async fn set(method: Method, (ana, post): &Cast) -> bool {
    let path = format!("/api/posts/{}/save", id_of(post));
    has(attempt(ana, method, &path, None).await.as_ref(), 200)
}

async fn is_saved((ana, post): &Cast, expected: bool, point: &str) {
    let path = format!("/api/posts/{}", id_of(post));
    let seen = ana.get(&path).await.expect(200);
    assert_eq!(seen["is_saved"], expected, "{point}");
    assert_eq!(seen["saves_count"], i64::from(expected), "{point}");
    let saved = ana.list("/api/posts/saved").await;
    assert_eq!(saved.len(), usize::from(expected), "{point}");
}

async fn reader(rig: &Rig) -> Cast {
    let (ana, bo) = two(rig).await;
    let post = bo.publish("hello").await;
    (ana, post)
}

pub(in crate::crashes) struct Save;

impl Story for Save {
    type Cast = Cast;

    async fn prepare(rig: &Rig) -> Cast {
        reader(rig).await
    }

    async fn act(cast: Cast) -> bool {
        set(Method::POST, &cast).await
    }

    async fn check(_: &Rig, cast: &Cast, point: &str) {
        is_saved(cast, true, point).await;
    }
}

pub(in crate::crashes) struct Unsave;

impl Story for Unsave {
    type Cast = Cast;

    async fn prepare(rig: &Rig) -> Cast {
        let (ana, post) = reader(rig).await;
        ana.save(&post).await;
        (ana, post)
    }

    async fn act(cast: Cast) -> bool {
        set(Method::DELETE, &cast).await
    }

    async fn check(_: &Rig, cast: &Cast, point: &str) {
        is_saved(cast, false, point).await;
    }
}
