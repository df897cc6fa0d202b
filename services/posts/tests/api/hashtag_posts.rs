use std::collections::HashSet;

use bson::DateTime;
use serde_json::{Value, json};
use testkit::{Stack, User};
use tokio::sync::watch;

use crate::{
    ids,
    paging::{all_pages, by_cursor, by_page},
    path, patient, planted,
};

const LIST: &str = "/api/posts/hashtag/rust";

async fn with_tag(user: &User, tag: &str) -> Vec<String> {
    ids(&user.list(&format!("/api/posts/hashtag/{tag}")).await)
}

#[tokio::test]
async fn a_hashtag_is_found_however_it_is_written() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let one = ana.publish("#Straße in #日本").await;
    let two = bo.publish("noch eine #STRASSE").await;
    ana.publish("Straße").await;
    let both = ids(&[two, one.clone()]);
    // `#` has to be written as %23 in a path.
    for tag in ["strasse", "Stra%C3%9Fe", "%23strasse", "STRASSE"] {
        assert_eq!(with_tag(&bo, tag).await, both, "{tag}");
    }
    assert_eq!(with_tag(&bo, "%E6%97%A5%E6%9C%AC").await, ids(&[one]));
    for tag in ["nothing", "%23", "two%20words"] {
        assert_eq!(with_tag(&bo, tag).await, Vec::<String>::new(), "{tag}");
    }
}

#[tokio::test]
async fn a_post_is_there_for_as_long_as_its_text_has_the_hashtag() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("#one").await;
    let edit = async |caption: &str| {
        let body = json!({ "caption": caption });
        ana.patch(&path(&post), &body).await.expect(200);
    };
    edit("#two").await;
    assert_eq!(with_tag(&ana, "one").await, Vec::<String>::new());
    assert_eq!(
        with_tag(&ana, "two").await,
        ids(std::slice::from_ref(&post))
    );
    ana.delete(&path(&post)).await.expect(204);
    assert_eq!(with_tag(&ana, "two").await, Vec::<String>::new());
}

/// Planted posts with the hashtag, of which every `nth` is there.
async fn plant(stack: &Stack, author: &User, count: i64, nth: i64) -> Vec<String> {
    let (mut live, mut posts) = (Vec::new(), Vec::new());
    for n in 0..count {
        // Some of one moment.
        let mut post = planted::post(planted::oid(author), n / 3);
        post.insert("hashtags", ["rust"]);
        if n % nth == 0 {
            live.insert(0, post.get_object_id("_id").unwrap().to_hex());
        } else {
            post.insert("deleted_at", DateTime::now());
        }
        posts.push(post);
    }
    planted::posts(stack).insert_many(posts).await.unwrap();
    live
}

#[tokio::test]
async fn pages_are_full_although_much_is_left_out() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let expected = plant(&stack, &ana, 300, 50).await;
    for (limit, next) in [
        (2, by_cursor as _),
        (4, by_cursor as _),
        (2, by_page as _),
        (9, by_page as _),
    ] {
        assert_eq!(all_pages(&ana, LIST, limit, next).await, expected);
    }
}

#[tokio::test]
async fn a_page_is_short_rather_than_looking_at_everything() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let expected = plant(&stack, &ana, 2_500, 2_500).await;
    let (mut seen, mut pages, mut query) = (Vec::new(), 0, String::new());
    loop {
        let page = ana.get(&format!("{LIST}?{query}")).await.expect(200);
        seen.extend(ids(page["items"].as_array().unwrap()));
        pages += 1;
        if page["has_more"] == false {
            break;
        }
        query = by_cursor(&page, 0);
    }
    assert_eq!((seen, pages), (expected, 3));
}

#[tokio::test]
async fn nothing_is_missed_or_met_twice_while_others_write() {
    let stack = patient().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let (mut kept, mut doomed) = (HashSet::new(), Vec::<Value>::new());
    for n in 0..30 {
        let post = bo.publish(&format!("{n} #rust")).await;
        if n % 3 == 0 {
            doomed.push(post);
        } else {
            kept.extend(ids(&[post]));
        }
    }
    let (stop, stopped) = watch::channel(());
    let writing = tokio::spawn(async move {
        while stopped.has_changed().is_ok() {
            bo.publish("in between #rust").await;
            if let Some(post) = doomed.pop() {
                bo.delete(&path(&post)).await.expect(204);
            }
        }
    });
    for _ in 0..5 {
        let seen = all_pages(&ana, LIST, 4, by_cursor).await;
        let once: HashSet<String> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "something came twice");
        assert!(kept.is_subset(&once), "something was missed");
    }
    drop(stop);
    writing.await.unwrap();
}
