use bson::{DateTime, doc};
use serde_json::json;
use testkit::{Stack, User};

use crate::{
    ids,
    paging::{all_pages, by_cursor, by_page},
    path, planted,
};

async fn found(user: &User, text: &str) -> Vec<String> {
    ids(&user.list(&format!("/api/posts/search?q={text}")).await)
}

#[tokio::test]
async fn a_post_is_found_by_all_the_words_of_its_text() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let one = ana.publish("The QUICK brown fox, über #Straßen").await;
    let two = bo.publish("a quick cat").await;
    let (one, two) = (ids(&[one]), ids(&[two]));
    let none = Vec::<String>::new();
    for (text, expected) in [
        ("quick", [two.clone(), one.clone()].concat()),
        ("quick+fox", one.clone()),
        ("fox+quick+FOX", one.clone()),
        ("%C3%9CBER+strassen", one.clone()),
        ("%23stra%C3%9Fen", one.clone()),
        ("cat!", two),
        ("quick+dog", none.clone()),
        ("qui", none),
    ] {
        assert_eq!(found(&bo, text).await, expected, "{text}");
    }
}

#[tokio::test]
async fn it_is_found_by_the_text_that_it_has_now() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("before").await;
    let body = json!({ "caption": "after" });
    ana.patch(&path(&post), &body).await.expect(200);
    assert_eq!(found(&ana, "before").await, Vec::<String>::new());
    assert_eq!(found(&ana, "after").await, ids(std::slice::from_ref(&post)));
    ana.delete(&path(&post)).await.expect(204);
    assert_eq!(found(&ana, "after").await, Vec::<String>::new());
}

#[tokio::test]
async fn what_has_no_word_is_refused() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let long = "a".repeat(65);
    for query in ["", "q=", "q=%20", "q=!!!", &format!("q={long}")] {
        let answer = ana.get(&format!("/api/posts/search?{query}")).await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem.fields, ["q"], "{query}");
    }
    let answer = ana.get("/api/posts/search?q=a&q=b").await;
    answer.expect_problem(400, "invalid_query");
}

#[tokio::test]
async fn pages_are_full_although_a_word_is_hardly_ever_beside_another() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let (mut expected, mut posts) = (Vec::new(), Vec::new());
    for n in 0..400_i64 {
        let mut post = planted::post(planted::oid(&ana), n / 3);
        let mut words = vec!["frequent"];
        if n % 80 == 0 {
            expected.insert(0, post.get_object_id("_id").unwrap().to_hex());
            words.push("rare");
        }
        post.insert("search_words", words);
        posts.push(post);
    }
    planted::posts(&stack).insert_many(posts).await.unwrap();
    let list = "/api/posts/search?q=frequent+rare";
    for (limit, next) in [
        (2, by_cursor as _),
        (3, by_cursor as _),
        (2, by_page as _),
        (9, by_page as _),
    ] {
        assert_eq!(all_pages(&ana, list, limit, next).await, expected);
    }
}

#[tokio::test]
async fn old_posts_are_found_once_they_are_migrated() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let mut post = planted::post(planted::oid(&ana), 1_000);
    let id = post.get_object_id("_id").unwrap().to_hex();
    post.insert("hashtags", ["#Planted", "PLANTED", "At"]);
    let mut wordless = planted::post(planted::oid(&ana), 2_000);
    wordless.insert("caption", bson::Bson::Null);
    let mut deleted = planted::post(planted::oid(&ana), 3_000);
    deleted.insert("deleted_at", DateTime::now());
    let old = [post, wordless, deleted];
    planted::posts(&stack).insert_many(&old).await.unwrap();
    assert_eq!(found(&ana, "planted").await, Vec::<String>::new());
    for _ in 0..2 {
        stack.migrate().await;
        assert_eq!(found(&ana, "planted").await, [id.as_str()]);
        let tagged = ana.list("/api/posts/hashtag/planted").await;
        assert_eq!(ids(&tagged), [id.as_str()]);
        assert_eq!(tagged[0]["hashtags"], json!(["planted", "at"]));
    }
    let without = doc! { "search_words": { "$exists": false } };
    let without = planted::posts(&stack).count_documents(without).await;
    assert_eq!(without.unwrap(), 0);
}
