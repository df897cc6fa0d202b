//! The count of an author's posts is exact, whatever happens at once.

use std::time::Duration;

use bson::{Document, doc};
use futures_util::future::join_all;
use testkit::eventually;

use crate::{path, patient, planted};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn it_is_exact_when_one_author_posts_and_deletes_at_once() {
    let stack = patient().await;
    let ana = stack.user("ana").await;
    // The very first posts race for the document of the count.
    let posts = join_all((0..50).map(|_| ana.publish("hi"))).await;
    assert_eq!(planted::count(&stack, &ana).await, Some((50, 50)));

    let (doomed, _) = posts.split_at(25);
    let deletes = join_all(doomed.iter().map(async |post| {
        ana.delete(&path(post)).await.expect(204);
    }));
    let creates = join_all((0..25).map(|_| ana.publish("ho")));
    futures_util::future::join(deletes, creates).await;
    assert_eq!(planted::count(&stack, &ana).await, Some((50, 100)));
    assert_eq!(planted::stored(&stack, &ana).await, 50);
    eventually(SOON, async || ana.me().await["posts_count"] == 50).await;
    let outbox = stack.mongodb().collection::<Document>("posts_outbox");
    eventually(SOON, async || {
        outbox.count_documents(doc! {}).await.unwrap() == 0
    })
    .await;
}

#[tokio::test]
async fn the_first_posts_of_many_authors_are_counted_once() {
    let stack = patient().await;
    for n in 0..8 {
        let user = stack.user(&format!("u{n}")).await;
        let old = planted::post(planted::oid(&user), 1_000);
        planted::posts(&stack).insert_one(old).await.unwrap();
        join_all((0..6).map(|_| user.publish("hi"))).await;
        assert_eq!(planted::count(&stack, &user).await, Some((7, 6)));
    }
}
