use testkit::Stack;

use crate::{ids, planted, posts_of};

#[tokio::test]
async fn the_posts_of_one_author_are_newest_first() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    ana.publish("not bo's").await;
    let mut published = Vec::new();
    for n in 0..3 {
        published.push(bo.publish(&n.to_string()).await);
    }
    published.reverse();
    assert_eq!(posts_of(&ana, &bo).await, published);
}

#[tokio::test]
async fn posts_of_one_moment_keep_an_order() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let planted: Vec<_> = (0..6)
        .map(|_| planted::post(planted::oid(&ana), 1_000))
        .collect();
    planted::posts(&stack).insert_many(&planted).await.unwrap();
    let mut expected: Vec<String> = planted
        .iter()
        .map(|post| post.get_object_id("_id").unwrap().to_hex())
        .collect();
    expected.reverse();
    assert_eq!(ids(&posts_of(&ana, &ana).await), expected);
}

#[tokio::test]
async fn who_is_not_there_is_not_found() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    for nobody in ["000000000000000000000000", "nobody", "@"] {
        ana.get(&format!("/api/posts/user/{nobody}"))
            .await
            .expect_problem(404, "user_not_found");
    }
}
