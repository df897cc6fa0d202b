use bson::doc;
use testkit::Stack;

use crate::{follower_and_author, path, planted, posts_of};

#[tokio::test]
async fn a_deleted_post_is_gone_for_everybody_and_kept_for_moderation() {
    let stack = Stack::start().await;
    let (ana, bo) = follower_and_author(&stack).await;
    let post = bo.publish("hi").await;
    let deleted = bo.delete(&path(&post)).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    for who in [&ana, &bo] {
        who.get(&path(&post))
            .await
            .expect_problem(404, "post_not_found");
        assert!(who.feed().await.is_empty());
        assert!(posts_of(who, &bo).await.is_empty());
    }
    let kept = planted::posts(&stack)
        .find_one(doc! {})
        .await
        .unwrap()
        .unwrap();
    assert!(kept.get_datetime("deleted_at").is_ok());
    assert_eq!(kept.get_str("caption").unwrap(), "hi");
}

#[tokio::test]
async fn a_second_delete_finds_nothing_and_counts_nothing() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    ana.publish("stays").await;
    let post = path(&ana.publish("goes").await);
    let deletes = futures_util::future::join_all((0..5).map(|_| ana.delete(&post))).await;
    let mut statuses: Vec<_> = deletes.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404, 404, 404, 404]);
    ana.delete(&post)
        .await
        .expect_problem(404, "post_not_found");
    assert_eq!(planted::count(&stack, &ana).await, Some((1, 3)));
}

#[tokio::test]
async fn an_author_whose_posts_were_never_counted_gets_the_rest_counted() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let old: Vec<_> = (1..=3)
        .map(|millis| planted::post(planted::oid(&ana), millis))
        .collect();
    planted::posts(&stack).insert_many(&old).await.unwrap();
    let id = old[0].get_object_id("_id").unwrap();
    ana.delete(&format!("/api/posts/{id}")).await.expect(204);
    assert_eq!(planted::count(&stack, &ana).await, Some((2, 1)));
}
