use std::collections::HashSet;

use bson::{DateTime, Document, doc, oid::ObjectId};
use serde_json::{Value, json};
use testkit::{Stack, User};
use tokio::sync::watch;

use crate::{
    applied, ids, like,
    paging::{all_pages, by_cursor, by_page},
    path, patient, planted, react, unlike,
};

/// Who likes `post`, as `user` sees it on the first page, and with what.
async fn likers_of(user: &User, post: &Value) -> Vec<(String, String)> {
    let page = user.get(&format!("{}/likes", path(post))).await.expect(200);
    let read = |liker: &Value| {
        let text = |field: &str| liker[field].as_str().unwrap().to_owned();
        (text("_id"), text("reaction"))
    };
    page["items"].as_array().unwrap().iter().map(read).collect()
}

fn liker(user: &User, reaction: &str) -> (String, String) {
    (user.id.clone(), reaction.to_owned())
}

#[tokio::test]
async fn who_liked_it_last_comes_first() {
    let stack = Stack::start().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let post = ana.publish("hi").await;
    assert_eq!(likers_of(&ana, &post).await, []);
    for (user, reaction) in [(&bo, "👍"), (&ana, "❤️"), (&cy, "😮")] {
        react(user, &post, reaction).await;
        applied(&stack).await;
    }
    let all = [liker(&cy, "😮"), liker(&ana, "❤️"), liker(&bo, "👍")];
    assert_eq!(likers_of(&bo, &post).await, all);
    let page = ana.get(&format!("{}/likes", path(&post))).await.expect(200);
    let first = &page["items"][0];
    assert_eq!(
        (
            &first["username"],
            &first["is_verified"],
            &first["avatar_url"]
        ),
        (&json!(cy.username), &json!(false), &Value::Null)
    );
    assert!(first["liked_at"].is_string());
    assert_eq!(
        (&page["has_more"], &page["page"]),
        (&json!(false), &json!(1))
    );
    // A change of mind is no new like.
    react(&bo, &post, "❤️").await;
    applied(&stack).await;
    let all = [liker(&cy, "😮"), liker(&ana, "❤️"), liker(&bo, "❤️")];
    assert_eq!(likers_of(&ana, &post).await, all);
}

#[tokio::test]
async fn whoever_is_hidden_is_left_out() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let mut users = Vec::new();
    for name in [
        "visible",
        "banned",
        "suspended",
        "blocked",
        "blocker",
        "private",
    ] {
        let user = stack.user(name).await;
        let stored = planted::likes(&stack);
        stored
            .insert_one(planted::like(&user, &post, 1_000))
            .await
            .unwrap();
        users.push(user);
    }
    let [visible, banned, suspended, blocked, blocks, private] = &users[..] else {
        panic!("six of them");
    };
    stack.shadow_ban(banned).await;
    stack.suspend(suspended).await;
    ana.block(blocked).await;
    blocks.block(&ana).await;
    private.make_private().await;
    let seen: HashSet<_> = likers_of(&ana, &post).await.into_iter().collect();
    assert_eq!(seen, [liker(visible, "❤️"), liker(private, "❤️")].into());
    let seen = likers_of(banned, &post).await;
    assert!(seen.contains(&liker(banned, "❤️")));
}

/// Likes of people who do not exist (any more), each newer than the one before.
fn of_nobody(post: &Value, count: i64, from: i64) -> impl Iterator<Item = Document> {
    let post = ObjectId::parse_str(post["_id"].as_str().unwrap()).unwrap();
    (0..count).map(move |n| {
        doc! {
            "_id": ObjectId::new(), "user_id": ObjectId::new(), "post_id": post,
            "type": "post", "created_at": DateTime::from_millis(from + n),
        }
    })
}

#[tokio::test]
async fn pages_are_full_although_many_are_left_out() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let mut expected = Vec::new();
    for n in 0..5_i64 {
        let user = stack.user("liker").await;
        let stored = planted::likes(&stack);
        stored
            .insert_many(of_nobody(&post, 120, n * 1_000))
            .await
            .unwrap();
        stored
            .insert_one(planted::like(&user, &post, n * 1_000 + 60))
            .await
            .unwrap();
        expected.insert(0, user.id);
    }
    let list = format!("{}/likes", path(&post));
    for (limit, next) in [
        (2, by_cursor as _),
        (3, by_cursor as _),
        (2, by_page as _),
        (9, by_page as _),
    ] {
        assert_eq!(all_pages(&ana, &list, limit, next).await, expected);
    }
}

#[tokio::test]
async fn nobody_is_missed_or_met_twice_while_others_like() {
    let stack = patient().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let mut users = Vec::new();
    for _ in 0..12 {
        users.push(stack.user("liker").await);
    }
    let (early, late) = users.split_at(6);
    for user in early {
        like(user, &post).await;
    }
    applied(&stack).await;
    let kept: HashSet<String> = early.iter().map(|user| user.id.clone()).collect();
    let (late, liked) = (late.to_vec(), post.clone());
    let (stop, stopped) = watch::channel(());
    let others = tokio::spawn(async move {
        for n in 0.. {
            if stopped.has_changed().is_err() {
                return;
            }
            let user = &late[n % late.len()];
            like(user, &liked).await;
            unlike(user, &liked).await;
        }
    });
    let list = format!("{}/likes", path(&post));
    for _ in 0..10 {
        let mut seen = Vec::new();
        let mut query = String::new();
        loop {
            let page = ana
                .get(&format!("{list}?limit=2&{query}"))
                .await
                .expect(200);
            seen.extend(ids(page["items"].as_array().unwrap()));
            if page["has_more"] == false {
                break;
            }
            query = by_cursor(&page, 0);
        }
        let once: HashSet<String> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "somebody came twice");
        assert!(kept.is_subset(&once), "somebody was missed");
    }
    drop(stop);
    others.await.unwrap();
}

/// The own like stands where it will stand when it is stored, on whatever page that is.
#[tokio::test]
async fn the_own_like_has_its_place_before_it_is_stored() {
    let mut stack = Stack::builder().without_worker().start().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let post = ana.publish("hi").await;
    let now = like(&bo, &post).await;
    assert_eq!(now["likes_count"], 1);
    let later = DateTime::now().timestamp_millis() + 60_000;
    let stored = planted::likes(&stack);
    stored
        .insert_one(planted::like(&cy, &post, later))
        .await
        .unwrap();
    stored
        .insert_one(planted::like(&ana, &post, 1_000))
        .await
        .unwrap();
    let list = format!("{}/likes", path(&post));
    let expected = [cy.id.clone(), bo.id.clone(), ana.id.clone()];
    for limit in [1, 2, 3] {
        assert_eq!(all_pages(&bo, &list, limit, by_cursor).await, expected);
        assert_eq!(all_pages(&bo, &list, limit, by_page).await, expected);
    }
    // Others do not see it yet.
    assert_eq!(
        all_pages(&cy, &list, 1, by_cursor).await,
        [cy.id.clone(), ana.id.clone()]
    );
    let first = bo.get(&format!("{list}?limit=2")).await.expect(200);
    stack.start_worker().await;
    applied(&stack).await;
    let rest = bo.get(&format!("{list}?{}", by_cursor(&first, 0))).await;
    assert_eq!(
        ids(rest.expect(200)["items"].as_array().unwrap()),
        [ana.id.as_str()]
    );
    assert_eq!(all_pages(&cy, &list, 1, by_cursor).await, expected);
    unlike(&bo, &post).await;
    assert_eq!(
        all_pages(&bo, &list, 1, by_cursor).await,
        [cy.id.clone(), ana.id.clone()]
    );
}
