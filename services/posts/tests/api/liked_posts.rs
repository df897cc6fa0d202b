use std::collections::HashMap;

use bson::{DateTime, doc};
use serde_json::{Value, json};
use testkit::{Stack, User};

use crate::{
    applied, ids, like,
    paging::{all_pages, by_cursor, by_page},
    path, planted, react, unlike,
};

const LIKED: &str = "/api/posts/liked";

async fn liked_by(user: &User) -> Vec<Value> {
    let page = user.get(LIKED).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_was_liked_last_comes_first() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let (old, new) = (ana.publish("old").await, ana.publish("new").await);
    assert_eq!(liked_by(&bo).await, Vec::<Value>::new());
    react(&bo, &new, "👍").await;
    applied(&stack).await;
    like(&bo, &old).await;
    applied(&stack).await;
    let liked = liked_by(&bo).await;
    assert_eq!(ids(&liked), ids(&[old.clone(), new.clone()]));
    for (post, reaction) in liked.iter().zip(["❤️", "👍"]) {
        assert_eq!(
            (
                &post["is_liked"],
                &post["reaction"],
                &post["likes_count"],
                &post["user"]["_id"]
            ),
            (&json!(true), &json!(reaction), &json!(1), &json!(ana.id))
        );
    }
    assert_eq!(liked_by(&ana).await, Vec::<Value>::new());
    unlike(&bo, &old).await;
    assert_eq!(ids(&liked_by(&bo).await), ids(&[new]));
}

#[tokio::test]
async fn what_is_not_to_be_seen_any_more_is_left_out() {
    let stack = Stack::start().await;
    let bo = stack.user("bo").await;
    let mut posts = HashMap::new();
    for how in ["public", "private", "banned", "blocked", "deleted"] {
        let author = stack.user(how).await;
        let post = author.publish(how).await;
        like(&bo, &post).await;
        posts.insert(how, post.clone());
        match how {
            "private" => author.make_private().await,
            "banned" => stack.shadow_ban(&author).await,
            "blocked" => author.block(&bo).await,
            "deleted" => {
                author.delete(&path(&post)).await.expect(204);
            }
            _ => {}
        }
    }
    let seen = [posts["public"]["_id"].as_str().unwrap()];
    assert_eq!(ids(&liked_by(&bo).await), seen);
    applied(&stack).await;
    assert_eq!(ids(&liked_by(&bo).await), seen);
}

#[tokio::test]
async fn pages_are_full_although_much_is_left_out() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let mut expected = Vec::new();
    let mut likes = Vec::new();
    for n in 0..300_i64 {
        let mut post = planted::post(planted::oid(&ana), n);
        let id = post.get_object_id("_id").unwrap();
        if n % 60 == 0 {
            expected.insert(0, id.to_hex());
        } else {
            post.insert("deleted_at", DateTime::now());
        }
        planted::posts(&stack).insert_one(post).await.unwrap();
        // Some of one moment.
        likes.push(planted::like(&bo, &json!({ "_id": id.to_hex() }), n / 7));
    }
    planted::likes(&stack).insert_many(likes).await.unwrap();
    for (limit, next) in [
        (2, by_cursor as _),
        (3, by_cursor as _),
        (2, by_page as _),
        (9, by_page as _),
    ] {
        assert_eq!(all_pages(&bo, LIKED, limit, next).await, expected);
    }
}

/// What waits to be stored is merged in where it will stand.
#[tokio::test]
async fn the_list_is_the_same_before_and_after_it_is_stored() {
    let mut stack = Stack::builder().without_worker().start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let mut posts = Vec::new();
    for n in 0..6 {
        posts.push(ana.publish(&n.to_string()).await);
    }
    let stored = planted::likes(&stack);
    let later = DateTime::now().timestamp_millis() + 60_000;
    for (post, millis) in [(0, later), (1, 1_000), (2, 2_000)] {
        let like = planted::like(&bo, &posts[post], millis);
        stored.insert_one(like).await.unwrap();
    }
    like(&bo, &posts[3]).await;
    like(&bo, &posts[4]).await;
    react(&bo, &posts[1], "👍").await;
    unlike(&bo, &posts[2]).await;
    unlike(&bo, &posts[5]).await;
    let expected = [0, 4, 3, 1].map(|n| posts[n]["_id"].as_str().unwrap().to_owned());
    let check = async || {
        for limit in 1..5 {
            assert_eq!(all_pages(&bo, LIKED, limit, by_cursor).await, expected);
            assert_eq!(all_pages(&bo, LIKED, limit, by_page).await, expected);
        }
        let liked = liked_by(&bo).await;
        assert_eq!(liked[3]["reaction"], "👍");
    };
    check().await;
    let first = bo.get(&format!("{LIKED}?limit=2")).await.expect(200);
    stack.start_worker().await;
    applied(&stack).await;
    let rest = bo
        .get(&format!("{LIKED}?{}", by_cursor(&first, 0)))
        .await
        .expect(200);
    assert_eq!(ids(rest["items"].as_array().unwrap()), expected[2..]);
    check().await;
    assert_eq!(stored.count_documents(doc! {}).await.unwrap(), 4);
}
