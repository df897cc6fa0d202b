use bson::doc;
use serde_json::{Value, json};
use testkit::{Stack, User};

use crate::{applied, comment_path, comments_path, planted};

async fn unlike(user: &User, comment: &Value) -> Value {
    let path = format!("{}/like", comment_path(comment));
    user.delete(&path).await.expect(200)
}

#[tokio::test]
async fn it_takes_the_like_back_and_is_nothing_without_one() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    let comment = ana.comment(&post, "one").await;
    let taken_back =
        |count| json!({ "comment_id": comment["_id"], "is_liked": false, "likes_count": count });
    assert_eq!(unlike(&ana, &comment).await, taken_back(0));
    ana.like_comment(&comment).await;
    assert_eq!(unlike(&ana, &comment).await, taken_back(0));
    bo.like_comment(&comment).await;
    applied(&stack).await;
    // What she has seen last is what she is told.
    ana.list(&comments_path(&post)).await;
    assert_eq!(unlike(&ana, &comment).await, taken_back(1));
    assert_eq!(unlike(&bo, &comment).await, taken_back(0));
    applied(&stack).await;
    let stored = planted::likes(&stack);
    assert_eq!(stored.count_documents(doc! {}).await.unwrap(), 0);
    let comment = planted::comments(&stack).find_one(doc! {}).await.unwrap();
    assert_eq!(comment.unwrap().get_i64("likes_count").unwrap(), 0);
}
