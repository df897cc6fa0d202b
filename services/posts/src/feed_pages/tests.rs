use cache::redis::AsyncCommands;
use domain::PostId;
use testkit::Sandbox;
use web::actix_web::web::Bytes;

use super::*;
use crate::{stamps::Stamps, timelines::tests::known_cache};

struct Scene {
    sandbox: Sandbox,
    pages: FeedPages,
    stamps: Stamps,
    user: UserId,
    /// Whose post is on the page.
    author: UserId,
    post: PostId,
    /// Whose posts were merged into it.
    merged: UserId,
}

impl Scene {
    async fn set() -> Self {
        let sandbox = Sandbox::create().await;
        let cache = known_cache(&sandbox).await;
        Self {
            pages: FeedPages::new(&cache),
            stamps: Stamps::new(&cache),
            sandbox,
            user: UserId::generate(),
            author: UserId::generate(),
            post: PostId::generate(),
            merged: UserId::generate(),
        }
    }

    async fn find(&self) -> Option<KeptPage> {
        match self.pages.find(self.user, 1).await.unwrap() {
            Found::Hit { page, .. } => Some(page),
            Found::Miss { .. } => None,
        }
    }

    async fn begin(&self) -> Making {
        match self.pages.find(self.user, 1).await.unwrap() {
            Found::Miss { making, .. } => making,
            Found::Hit { page, .. } => panic!("{page:?}"),
        }
    }

    async fn has_intents(&self) -> bool {
        let (Found::Hit { has_intents, .. } | Found::Miss { has_intents, .. }) =
            self.pages.find(self.user, 1).await.unwrap();
        has_intents
    }

    async fn page(&self) -> KeptPage {
        let stamps = self.stamps.of_authors(&[self.merged]).await.unwrap();
        KeptPage {
            merged: vec![(self.merged, stamps[0])],
            posts: vec![ShownPost {
                id: self.post,
                author: self.author,
                others: 7,
                version: -3,
            }],
            json: Bytes::from_static(b"{}"),
        }
    }

    async fn store(&self, making: &Making) -> KeptPage {
        let page = self.page().await;
        let store = self.pages.store(self.user, 1, making, &page);
        store.await.unwrap();
        page
    }

    /// A page that is found is kept.
    async fn keep(&self) {
        let making = self.begin().await;
        let page = self.store(&making).await;
        assert_eq!(self.find().await, Some(page));
    }
}

#[tokio::test]
async fn a_page_is_found_as_it_was_kept_for_a_minute() {
    let scene = Scene::set().await;
    assert!(scene.find().await.is_none());
    scene.keep().await;
    let mut redis = scene.sandbox.redis();
    let life: i64 = redis.ttl(keys::feed_page(scene.user, 1)).await.unwrap();
    assert!((1..=60).contains(&life), "{life}");
    assert!(!scene.has_intents().await);
    let key = keys::like_intents(scene.user);
    let _: () = redis.hset(key, "a post", "an intent").await.unwrap();
    assert!(scene.has_intents().await);
}

#[tokio::test]
async fn a_page_is_not_served_after_its_feed_has_changed() {
    let scene = Scene::set().await;
    scene.keep().await;
    let users = [scene.user];
    scene.stamps.void_feeds(&users).await.unwrap();
    assert!(scene.find().await.is_none());
}

#[tokio::test]
async fn a_page_is_not_served_after_an_author_that_is_merged_has_posted() {
    let scene = Scene::set().await;
    scene.keep().await;
    scene.stamps.void_author(scene.merged).await.unwrap();
    assert!(scene.find().await.is_none());
}

#[tokio::test]
async fn a_page_is_not_served_after_one_of_its_posts_or_authors_was_touched() {
    let scene = Scene::set().await;
    for touched in [scene.post.oid(), scene.author.oid()] {
        scene.keep().await;
        let other = PostId::generate().oid();
        scene.stamps.touch(&[other]).await.unwrap();
        assert!(scene.find().await.is_some());
        scene.stamps.touch(&[touched, other]).await.unwrap();
        assert!(scene.find().await.is_none());
    }
    // What is made afterwards knows of it.
    scene.keep().await;
}

#[tokio::test]
async fn a_page_that_was_overtaken_is_not_kept() {
    let scene = Scene::set().await;
    let making = scene.begin().await;
    scene.stamps.void_feeds(&[scene.user]).await.unwrap();
    scene.store(&making).await;
    assert!(scene.find().await.is_none());
    // Nor one that was made before Redis forgot everything.
    let making = scene.begin().await;
    let _: () = redis_flush(&scene).await;
    scene.find().await;
    scene.store(&making).await;
    assert!(scene.find().await.is_none());
}

async fn redis_flush(scene: &Scene) {
    let mut redis = scene.sandbox.redis();
    redis::cmd("FLUSHDB").exec_async(&mut redis).await.unwrap();
}

#[tokio::test]
async fn a_page_of_another_life_of_redis_is_not_served() {
    let scene = Scene::set().await;
    scene.keep().await;
    let (key, mut redis) = (keys::feed_page(scene.user, 1), scene.sandbox.redis());
    let _: usize = redis.setrange(&key, 0, b"12345678").await.unwrap();
    assert!(scene.find().await.is_none());
}

#[tokio::test]
async fn what_is_no_page_is_none() {
    let scene = Scene::set().await;
    scene.keep().await;
    let (key, mut redis) = (keys::feed_page(scene.user, 1), scene.sandbox.redis());
    let page: Vec<u8> = redis.get(&key).await.unwrap();
    let json = scene.page().await.json.len();
    for length in 0..page.len() - json {
        let _: () = redis.set(&key, &page[..length]).await.unwrap();
        assert!(scene.find().await.is_none(), "{length} bytes");
    }
}
