use std::collections::HashSet;

use bson::DateTime;
use serde_json::json;
use testkit::Stack;
use tokio::sync::watch;

use crate::{
    ids,
    paging::{all_pages, by_cursor, by_page},
    path, patient, planted,
};

const SAVED: &str = "/api/posts/saved";

#[tokio::test]
async fn what_was_saved_last_comes_first() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let (old, new) = (ana.publish("old").await, ana.publish("new").await);
    for post in [&new, &old] {
        bo.save(post).await;
    }
    let saved = bo.list(SAVED).await;
    assert_eq!(ids(&saved), ids(&[old.clone(), new.clone()]));
    assert_eq!(
        (
            &saved[0]["is_saved"],
            &saved[0]["saves_count"],
            &saved[0]["user"]["_id"]
        ),
        (&json!(true), &json!(1), &json!(ana.id))
    );
    assert_eq!(ids(&ana.list(SAVED).await), Vec::<String>::new());
    bo.delete(&format!("{}/save", path(&old))).await.expect(200);
    assert_eq!(ids(&bo.list(SAVED).await), ids(std::slice::from_ref(&new)));
    // Saved again, it is saved last.
    bo.save(&old).await;
    assert_eq!(ids(&bo.list(SAVED).await), ids(&[old, new]));
}

#[tokio::test]
async fn pages_are_full_although_much_is_left_out() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let (mut expected, mut posts, mut saves) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..300_i64 {
        let mut post = planted::post(planted::oid(&ana), n);
        let id = post.get_object_id("_id").unwrap().to_hex();
        // Some of one moment.
        saves.push(planted::save(&bo, &json!({ "_id": id }), n / 7));
        if n % 60 == 0 {
            expected.insert(0, id);
        } else {
            post.insert("deleted_at", DateTime::now());
        }
        posts.push(post);
    }
    planted::posts(&stack).insert_many(posts).await.unwrap();
    planted::saves(&stack).insert_many(saves).await.unwrap();
    for (limit, next) in [
        (2, by_cursor as _),
        (3, by_cursor as _),
        (2, by_page as _),
        (9, by_page as _),
    ] {
        assert_eq!(all_pages(&bo, SAVED, limit, next).await, expected);
    }
}

#[tokio::test]
async fn nothing_is_missed_or_met_twice_while_more_is_saved() {
    let stack = patient().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let (mut kept, mut moving) = (HashSet::new(), Vec::new());
    for n in 0..24 {
        let post = ana.publish(&n.to_string()).await;
        bo.save(&post).await;
        if n % 3 == 0 {
            moving.push(post);
        } else {
            kept.extend(ids(&[post]));
        }
    }
    let other = bo.log_in_again().await;
    let (stop, stopped) = watch::channel(());
    let writing = tokio::spawn(async move {
        for post in moving.iter().cycle() {
            if stopped.has_changed().is_err() {
                return;
            }
            other
                .delete(&format!("{}/save", path(post)))
                .await
                .expect(200);
            other.save(post).await;
        }
    });
    for _ in 0..5 {
        let mut seen = Vec::new();
        let mut query = String::new();
        loop {
            let page = bo
                .get(&format!("{SAVED}?limit=3&{query}"))
                .await
                .expect(200);
            seen.extend(ids(page["items"].as_array().unwrap()));
            if page["has_more"] == false {
                break;
            }
            query = by_cursor(&page, 0);
        }
        let once: HashSet<String> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "something came twice");
        assert!(kept.is_subset(&once), "something was missed");
    }
    drop(stop);
    writing.await.unwrap();
}
