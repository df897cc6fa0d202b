use bson::doc;
use serde_json::json;
use testkit::Stack;

use crate::{applied, like, likes_of, planted, unlike};

#[tokio::test]
async fn it_takes_the_like_back() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let post = ana.publish("hi").await;
    let taken_back = json!({ "post_id": post["_id"], "is_liked": false, "likes_count": 0 });
    like(&ana, &post).await;
    assert_eq!(unlike(&ana, &post).await, taken_back);
    assert_eq!(likes_of(&ana, &post).await, (0, None));
    applied(&stack).await;
    assert_eq!(likes_of(&ana, &post).await, (0, None));

    like(&ana, &post).await;
    applied(&stack).await;
    assert_eq!(unlike(&ana, &post).await, taken_back);
    assert_eq!(likes_of(&ana, &post).await, (0, None));
    applied(&stack).await;
    let stored = planted::likes(&stack);
    assert_eq!(stored.count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test]
async fn what_was_never_liked_stays_so() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let post = ana.publish("hi").await;
    like(&ana, &post).await;
    applied(&stack).await;
    let taken_back = json!({ "post_id": post["_id"], "is_liked": false, "likes_count": 1 });
    for _ in 0..2 {
        assert_eq!(unlike(&bo, &post).await, taken_back);
    }
    applied(&stack).await;
    assert_eq!(unlike(&bo, &post).await, taken_back);
    assert_eq!(likes_of(&bo, &post).await, (1, None));
    assert_eq!(likes_of(&ana, &post).await.0, 1);
}
