use serde_json::Value;
use testkit::{Stack, User};

use crate::{comment_path, comments_path, content_counts::nothing_is_wrong, path};

/// How many comments a post has, as it says.
async fn count(user: &User, post: &Value) -> i64 {
    let shown = user.get(&path(post)).await.expect(200);
    shown["comments_count"].as_i64().unwrap()
}

async fn delete(user: &User, comment: &Value) {
    user.delete(&comment_path(comment)).await.expect(204);
}

#[tokio::test]
async fn its_author_may_and_whose_post_it_is_on() {
    let stack = Stack::start().await;
    let (ana, bo, cy, mo) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
        stack.user("mo").await,
    );
    stack.make_moderator(&mo).await;
    let post = ana.publish("hi").await;
    let (one, two) = (bo.comment(&post, "1").await, bo.comment(&post, "2").await);
    let reply = bo.reply(&one, "1.1").await;
    for user in [&cy, &mo] {
        for comment in [&one, &reply] {
            let refused = user.delete(&comment_path(comment)).await;
            refused.expect_problem(403, "not_your_comment");
        }
    }
    assert_eq!(count(&ana, &post).await, 3);
    delete(&bo, &one).await;
    delete(&ana, &two).await;
    assert_eq!(count(&bo, &post).await, 0);
    for comment in [&one, &two, &reply] {
        for user in [&ana, &bo, &cy, &mo] {
            let refused = user.delete(&comment_path(comment)).await;
            refused.expect_problem(404, "comment_not_found");
        }
    }
    assert_eq!(ana.list(&comments_path(&post)).await, Vec::<Value>::new());
    for nothing in ["000000000000000000000000", "x", &ana.id] {
        let refused = ana.delete(&format!("/api/comments/{nothing}")).await;
        refused.expect_problem(404, "comment_not_found");
    }
    nothing_is_wrong(&stack).await;
}

#[tokio::test]
async fn replies_go_with_what_they_reply_to() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    let (one, two) = (bo.comment(&post, "1").await, bo.comment(&post, "2").await);
    let mut replies = Vec::new();
    for text in ["a", "b", "c"] {
        replies.push(ana.reply(&one, text).await);
    }
    ana.reply(&two, "d").await;
    assert_eq!(count(&ana, &post).await, 6);
    delete(&ana, &replies[0]).await;
    assert_eq!(count(&ana, &post).await, 5);
    let shown = ana.list(&comments_path(&post)).await;
    assert_eq!(shown[1]["replies_count"], 2);
    delete(&bo, &one).await;
    assert_eq!(count(&ana, &post).await, 2);
    nothing_is_wrong(&stack).await;
    for reply in &replies {
        let refused = ana.delete(&comment_path(reply)).await;
        refused.expect_problem(404, "comment_not_found");
        let like = format!("{}/like", comment_path(reply));
        let refused = bo.post_empty(&like).await;
        refused.expect_problem(404, "comment_not_found");
    }
    assert_eq!(count(&ana, &post).await, 2);
}

#[tokio::test]
async fn what_one_has_said_oneself_can_be_taken_back_where_one_is_not_welcome() {
    let stack = Stack::start().await;
    let (ana, bo, cy) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cy").await,
    );
    let post = ana.publish("hi").await;
    let comment = bo.comment(&post, "1").await;
    let thread = cy.comment(&post, "2").await;
    let reply = bo.reply(&thread, "2.1").await;
    let gone = ana.publish("ho").await;
    let lost = bo.comment(&gone, "3").await;
    ana.delete(&path(&gone)).await.expect(204);
    ana.block(&bo).await;
    stack.shadow_ban(&cy).await;
    delete(&bo, &comment).await;
    delete(&bo, &reply).await;
    assert_eq!(count(&ana, &post).await, 1);
    // Nothing is left of it.
    let refused = bo.delete(&comment_path(&lost)).await;
    refused.expect_problem(404, "comment_not_found");
    nothing_is_wrong(&stack).await;
}
