use std::collections::HashSet;

use bson::{DateTime, Document, doc, oid::ObjectId};
use serde_json::{Value, json};
use testkit::{Stack, User};
use tokio::sync::watch;

use crate::{
    comment_path, comments_path, ids,
    paging::{all_pages, by_cursor, by_page},
    path, patient, planted,
};

/// The replies to a comment.
fn replies_path(comment: &Value) -> String {
    let (post, id) = (&comment["post_id"], &comment["_id"]);
    let (post, id) = (post.as_str().unwrap(), id.as_str().unwrap());
    format!("/api/posts/{post}/comments?parent_id={id}")
}

/// The texts that `user` finds in the list at `path`.
async fn texts(user: &User, path: &str) -> Vec<String> {
    let items = user.list(path).await.into_iter();
    items
        .map(|item| item["content"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn comments_come_newest_first_and_replies_as_they_were_said() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    let other = ana.publish("other").await;
    let first = bo.comment(&post, "1").await;
    bo.comment(&post, "2").await;
    bo.comment(&other, "elsewhere").await;
    for text in ["1.1", "1.2", "1.3"] {
        ana.reply(&first, text).await;
    }
    ana.comment(&post, "3").await;
    for user in [&ana, &bo] {
        assert_eq!(texts(user, &comments_path(&post)).await, ["3", "2", "1"]);
        let replies = texts(user, &replies_path(&first)).await;
        assert_eq!(replies, ["1.1", "1.2", "1.3"]);
    }
}

#[tokio::test]
async fn any_way_to_page_finds_each_comment_once() {
    let stack = patient().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let first = ana.comment(&post, "first").await;
    let (mut comments, mut replies) = (vec![first.clone()], Vec::new());
    for n in 0..11 {
        comments.insert(0, ana.comment(&post, &n.to_string()).await);
        replies.push(ana.reply(&first, &n.to_string()).await);
    }
    let replies_path = format!("{}&", replies_path(&first)).replace('?', "?limit=4&");
    let replies_of = async |query: &str| {
        let path = format!("{replies_path}{query}");
        ana.get(&path).await.expect(200)
    };
    for next in [by_cursor, by_page] {
        let seen = all_pages(&ana, &comments_path(&post), 4, next).await;
        assert_eq!(seen, ids(&comments));
        let (mut seen, mut page) = (Vec::new(), replies_of("").await);
        for n in 1.. {
            seen.extend(ids(page["items"].as_array().unwrap()));
            if page["has_more"] == false {
                break;
            }
            page = replies_of(&next(&page, n)).await;
        }
        assert_eq!(seen, ids(&replies));
    }
}

#[tokio::test]
async fn nobody_misses_or_meets_twice_a_comment_while_others_write() {
    let stack = patient().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = bo.publish("hi").await;
    let (mut kept, mut doomed) = (HashSet::new(), Vec::new());
    for n in 0..30 {
        let comment = bo.comment(&post, &n.to_string()).await;
        if n % 3 == 0 {
            doomed.push(comment);
        } else {
            kept.extend(ids(&[comment]));
        }
    }
    let path = comments_path(&post);
    let (stop, stopped) = watch::channel(());
    let writing = tokio::spawn(async move {
        while stopped.has_changed().is_ok() {
            bo.comment(&post, "in between").await;
            if let Some(comment) = doomed.pop() {
                bo.delete(&comment_path(&comment)).await.expect(204);
            }
        }
    });
    for _ in 0..5 {
        let seen = all_pages(&ana, &path, 4, by_cursor).await;
        let once: HashSet<String> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "something came twice");
        assert!(kept.is_subset(&once), "something was missed");
    }
    drop(stop);
    writing.await.unwrap();
}

#[tokio::test]
async fn what_was_said_at_one_moment_has_an_order() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let at = |millis| planted::comment(&ana, &post, None, millis);
    let all = [1, 5, 5, 5, 5, 9].map(at);
    planted::comments(&stack).insert_many(&all).await.unwrap();
    let mut order: Vec<(DateTime, ObjectId)> = all
        .iter()
        .map(|it| {
            let at = it.get_datetime("created_at").unwrap();
            (*at, it.get_object_id("_id").unwrap())
        })
        .collect();
    order.sort_unstable_by(|a, b| b.cmp(a));
    let order: Vec<String> = order.into_iter().map(|(_, id)| id.to_hex()).collect();
    for limit in 1..=7 {
        let seen = all_pages(&ana, &comments_path(&post), limit, by_cursor).await;
        assert_eq!(seen, order, "limit {limit}");
    }
}

/// Who sees what is said by somebody on the post of somebody else.
#[tokio::test]
async fn whoever_sees_the_post_sees_who_is_not_hidden_from_them() {
    let stack = Stack::start().await;
    let (ana, bo, mo) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("mo").await,
    );
    stack.make_moderator(&mo).await;
    let post = ana.publish("hi").await;
    // How the one who comments is; whether bo, mo and themselves see them.
    for (how, sees) in [
        ("open", [true, true, true]),
        ("private", [true, true, true]),
        ("muted", [true, true, true]),
        ("blocked", [false, true, true]),
        ("blocking", [false, true, true]),
        ("banned", [false, true, true]),
        ("suspended", [false, true, true]),
    ] {
        let cy = stack.user("cy").await;
        let thread = cy.comment(&post, how).await;
        let answer = ana.reply(&thread, "answer").await;
        match how {
            "private" => cy.make_private().await,
            "muted" => bo.mute(&cy).await,
            "blocked" => bo.block(&cy).await,
            "blocking" => cy.block(&bo).await,
            "banned" => stack.shadow_ban(&cy).await,
            "suspended" => stack.suspend(&cy).await,
            _ => {}
        }
        for (user, sees) in [&bo, &mo, &cy].into_iter().zip(sees) {
            if how == "suspended" && user.id == cy.id {
                continue;
            }
            let list = user.get(&comments_path(&post)).await;
            let replies = user.get(&replies_path(&thread)).await;
            let like = format!("{}/like", comment_path(&answer));
            let like = user.post_empty(&like).await;
            if sees {
                let list = list.expect(200);
                let first = &list["items"][0];
                assert_eq!(first["_id"], thread["_id"], "{how}");
                assert_eq!(replies.expect(200)["items"][0]["_id"], answer["_id"]);
                like.expect(200);
            } else {
                let list = list.expect(200);
                let mut items = list["items"].as_array().unwrap().iter();
                assert!(items.all(|it| it["_id"] != thread["_id"]), "{how}");
                // Nor what others reply to it.
                replies.expect_problem(404, "comment_not_found");
                like.expect_problem(404, "comment_not_found");
            }
        }
    }
}

#[tokio::test]
async fn whoever_is_hidden_and_says_a_lot_costs_others_a_page() {
    let stack = Stack::start().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let post = ana.publish("hi").await;
    let said = |user, from: i64, count: i64| -> Vec<Document> {
        (from..from + count)
            .map(|millis| planted::comment(user, &post, None, millis))
            .collect()
    };
    let comments = planted::comments(&stack);
    comments.insert_many(said(&cy, 0, 3)).await.unwrap();
    comments.insert_many(said(&bo, 10, 4_100)).await.unwrap();
    ana.block(&bo).await;
    let (mut seen, mut pages, mut query) = (0, 0, String::new());
    loop {
        let page = ana.get(&format!("{}?{query}", comments_path(&post))).await;
        let page = page.expect(200);
        seen += page["items"].as_array().unwrap().len();
        pages += 1;
        if page["has_more"] == false {
            break;
        }
        query = by_cursor(&page, pages);
    }
    assert_eq!((seen, pages), (3, 3));
}

#[tokio::test]
async fn what_is_no_list_is_refused() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let (post, other) = (ana.publish("hi").await, ana.publish("ho").await);
    let comment = ana.comment(&other, "elsewhere").await;
    let elsewhere = format!("parent_id={}", comment["_id"].as_str().unwrap());
    for (query, status, code) in [
        ("limit=0", 422, "validation_failed"),
        ("page=0", 422, "validation_failed"),
        ("cursor=x", 400, "invalid_cursor"),
        ("cursor=x&page=1", 400, "page_and_cursor"),
        ("parent_id=", 422, "validation_failed"),
        ("parent_id=x", 422, "validation_failed"),
        ("parent_id=1&parent_id=2", 400, "invalid_query"),
        (&elsewhere, 404, "comment_not_found"),
        (
            "parent_id=000000000000000000000000",
            404,
            "comment_not_found",
        ),
    ] {
        let refused = ana.get(&format!("{}?{query}", comments_path(&post))).await;
        refused.expect_problem(status, code);
    }
    for nothing in ["000000000000000000000000", "x", &ana.id] {
        let refused = ana.get(&format!("/api/posts/{nothing}/comments")).await;
        refused.expect_problem(404, "post_not_found");
    }
    let empty = json!({
        "items": [], "page": 1, "limit": 20, "has_more": false, "next_cursor": null,
    });
    let page = ana.get(&comments_path(&post)).await.expect(200);
    assert_eq!(page, empty);
    ana.delete(&path(&post)).await.expect(204);
    let refused = ana.get(&comments_path(&post)).await;
    refused.expect_problem(404, "post_not_found");
}
