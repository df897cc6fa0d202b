//! Lists of posts, page by page, also while they change.

use std::collections::HashSet;

use serde_json::Value;
use testkit::{Stack, User};
use tokio::sync::watch;

use crate::{follower_and_author, ids, path, patient};

/// How the page after `page`, the `n`th, is asked for.
type Next = fn(page: &Value, n: usize) -> String;

pub(crate) fn by_cursor(page: &Value, _: usize) -> String {
    format!("cursor={}", page["next_cursor"].as_str().unwrap())
}

pub(crate) fn by_page(_: &Value, n: usize) -> String {
    format!("page={}", n + 1)
}

/// The ids in a whole list, read `limit` at a time.
pub(crate) async fn all_pages(user: &User, path: &str, limit: usize, next: Next) -> Vec<String> {
    let mut all = Vec::new();
    let mut query = String::new();
    for n in 1.. {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = user
            .get(&format!("{path}{sign}limit={limit}&{query}"))
            .await;
        let page = page.expect(200);
        let items = page["items"].as_array().unwrap();
        all.extend(ids(items));
        assert_eq!(page["limit"], limit);
        assert_eq!(page["has_more"] == true, page["next_cursor"].is_string());
        if page["has_more"] == false {
            break;
        }
        assert_eq!(items.len(), limit);
        query = next(&page, n);
    }
    all
}

#[tokio::test]
async fn nobody_misses_or_meets_twice_what_was_there_while_others_write() {
    let stack = patient().await;
    let (ana, bo) = follower_and_author(&stack).await;
    let (mut kept, mut doomed) = (HashSet::new(), Vec::new());
    for n in 0..60 {
        let post = bo.publish(&n.to_string()).await;
        if n % 3 == 0 {
            doomed.push(post);
        } else {
            kept.extend(ids(&[post]));
        }
    }
    let (stop, stopped) = watch::channel(());
    let writing = tokio::spawn(async move {
        while stopped.has_changed().is_ok() {
            bo.publish("in between").await;
            if let Some(post) = doomed.pop() {
                bo.delete(&path(&post)).await.expect(204);
            }
        }
        bo
    });
    for _ in 0..5 {
        let seen = all_pages(&ana, "/api/posts/feed", 5, by_cursor).await;
        let once: HashSet<String> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "something came twice");
        assert!(kept.is_subset(&once), "something was missed");
    }
    drop(stop);
    let bo = writing.await.unwrap();
    let path = format!("/api/posts/user/{}", bo.id);
    let (by_cursor, by_page) = (
        all_pages(&ana, &path, 9, by_cursor).await,
        all_pages(&ana, &path, 9, by_page).await,
    );
    assert_eq!(by_cursor, by_page);
}

#[tokio::test]
async fn a_cursor_goes_on_where_it_was_although_the_post_there_is_gone() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let mut posts = Vec::new();
    for n in 0..4 {
        posts.push(ana.publish(&n.to_string()).await);
    }
    let page = ana.get("/api/posts/feed?limit=2").await.expect(200);
    ana.delete(&path(&posts[2])).await.expect(204);
    ana.publish("new").await;
    let rest = format!("/api/posts/feed?{}", by_cursor(&page, 1));
    let rest = ana.get(&rest).await.expect(200);
    assert_eq!(
        rest["items"].as_array().unwrap()[..],
        [posts[1].clone(), posts[0].clone()]
    );
    assert_eq!(
        (&rest["has_more"], &rest["page"]),
        (&false.into(), &Value::Null)
    );
}

#[tokio::test]
async fn what_is_no_page_is_refused() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    for list in ["feed", &format!("user/{}", ana.id)] {
        for (query, status, code) in [
            ("limit=0", 422, "validation_failed"),
            ("limit=101", 422, "validation_failed"),
            ("page=0", 422, "validation_failed"),
            ("page=101&limit=100", 422, "validation_failed"),
            ("cursor=x", 400, "invalid_cursor"),
            ("cursor=WzEsMl0", 400, "invalid_cursor"),
            ("cursor=x&page=1", 400, "page_and_cursor"),
        ] {
            ana.get(&format!("/api/posts/{list}?{query}"))
                .await
                .expect_problem(status, code);
        }
        let page = ana.get(&format!("/api/posts/{list}?page=3&limit=2")).await;
        let empty = serde_json::json!({
            "items": [], "page": 3, "limit": 2, "has_more": false, "next_cursor": null,
        });
        assert_eq!(page.expect(200), empty);
    }
}
