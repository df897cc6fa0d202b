use bson::{Document, doc};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Stack, User};

use crate::{follower_and_author, path, patient, planted};

fn save_path(post: &Value) -> String {
    format!("{}/save", path(post))
}

/// What `user` is told of the saves of a post: how many, and whether by them.
async fn saves_of(user: &User, post: &Value) -> (i64, bool) {
    let shown = user.get(&path(post)).await.expect(200);
    let count = shown["saves_count"].as_i64().unwrap();
    (count, shown["is_saved"].as_bool().unwrap())
}

/// How many saves of a post are stored.
async fn stored(stack: &Stack, post: &Value) -> i64 {
    let saves = planted::saves(stack);
    let count = saves.count_documents(doc! { "post_id": planted::id(post) });
    i64::try_from(count.await.unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_saved_is_shown_as_saved_wherever_it_is_shown() {
    let stack = Stack::start().await;
    let (ana, bo) = follower_and_author(&stack).await;
    let post = bo.publish("find #me").await;
    let lists = [
        "/api/posts/feed".to_owned(),
        format!("/api/posts/user/{}", bo.id),
        "/api/posts/hashtag/me".to_owned(),
        "/api/posts/search?q=find".to_owned(),
        "/api/posts/explore".to_owned(),
    ];
    let shown = async |user: &User, is_saved: bool, count: i64| {
        assert_eq!(saves_of(user, &post).await, (count, is_saved));
        for list in &lists {
            // A kept page says the same.
            for _ in 0..2 {
                let items = user.list(list).await;
                assert_eq!(items[0]["_id"], post["_id"], "{list}");
                assert_eq!(items[0]["is_saved"], is_saved, "{list}");
            }
        }
    };
    shown(&ana, false, 0).await;
    let saved = ana.save(&post).await;
    let expected = json!({ "post_id": post["_id"], "is_saved": true, "saves_count": 1 });
    assert_eq!(saved, expected);
    shown(&ana, true, 1).await;
    assert_eq!(saves_of(&bo, &post).await, (1, false));
    ana.delete(&save_path(&post)).await.expect(200);
    shown(&ana, false, 0).await;
}

#[tokio::test]
async fn a_second_save_changes_nothing() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    bo.save(&post).await;
    ana.save(&post).await;
    let saves = planted::saves(&stack);
    let before = saves.find_one(doc! { "user_id": planted::oid(&bo) });
    let before = before.await.unwrap();
    assert_eq!(bo.save(&post).await["saves_count"], 2);
    let after = saves.find_one(doc! { "user_id": planted::oid(&bo) });
    assert_eq!(after.await.unwrap(), before);
    assert_eq!(saves_of(&bo, &post).await, (2, true));
}

#[tokio::test]
async fn what_many_save_at_once_is_counted_exactly() {
    let stack = patient().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let mut users = Vec::new();
    for _ in 0..8 {
        users.push(stack.user("saver").await);
    }
    let all_at_once = users.iter().enumerate().map(|(n, user)| {
        let post = &post;
        async move {
            for _ in 0..3 {
                // Twice at a time, as a client that got no answer does.
                let [once, again] = [(); 2].map(|()| user.save(post));
                let (once, again) = tokio::join!(once, again);
                assert_eq!(
                    (&once["is_saved"], &again["is_saved"]),
                    (&json!(true), &json!(true))
                );
                if n % 2 == 0 {
                    let path = save_path(post);
                    let (once, again) = tokio::join!(user.delete(&path), user.delete(&path));
                    once.expect(200);
                    again.expect(200);
                }
            }
        }
    });
    join_all(all_at_once).await;
    assert_eq!(stored(&stack, &post).await, 4);
    assert_eq!(saves_of(&ana, &post).await, (4, false));
    for (n, user) in users.iter().enumerate() {
        assert_eq!(saves_of(user, &post).await, (4, n % 2 == 1));
    }
}

#[tokio::test]
async fn what_is_not_there_cannot_be_saved() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    ana.delete(&path(&post)).await.expect(204);
    for id in [
        post["_id"].as_str().unwrap(),
        "000000000000000000000000",
        "x",
    ] {
        bo.post_empty(&format!("/api/posts/{id}/save"))
            .await
            .expect_problem(404, "post_not_found");
    }
    assert_eq!(stored(&stack, &post).await, 0);
}

#[tokio::test]
async fn an_old_post_without_a_count_has_none() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let mut post = planted::post(planted::oid(&ana), 1_000);
    post.insert("saves_count", bson::Bson::Null);
    let shown = json!({ "_id": post.get_object_id("_id").unwrap().to_hex() });
    let posts: mongodb::Collection<Document> = planted::posts(&stack);
    posts.insert_one(post).await.unwrap();
    assert_eq!(ana.save(&shown).await["saves_count"], 1);
    assert_eq!(saves_of(&ana, &shown).await, (1, true));
}
