use std::collections::BTreeSet;

use cache::{RedisSettings, redis::AsyncCommands};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use runtime::{Readiness, Shutdown};
use testkit::{Sandbox, eventually};

use super::*;
use crate::stamps::Stamps;

const SOON: Duration = Duration::from_secs(10);
const LENGTH: usize = 24;

struct Scene {
    sandbox: Sandbox,
    cache: Cache,
    timelines: Timelines,
    user: UserId,
}

/// What a process has, once it knows which life of Redis this is.
pub(crate) async fn known_cache(sandbox: &Sandbox) -> Cache {
    let cache = Cache::connect(&RedisSettings {
        redis_url: sandbox.redis_url().into(),
        redis_timeout: SOON,
        redis_pool_size: 2,
    });
    let cache = cache.unwrap();
    tokio::spawn(cache.clone().watch(Readiness::new(&Shutdown::new())));
    eventually(SOON, async || cache.epoch().is_some()).await;
    cache
}

fn at(millis: i64) -> Position {
    Position(Timestamp::from_millis(millis), PostId::generate())
}

impl Scene {
    async fn with_length(length: usize) -> Self {
        let sandbox = Sandbox::create().await;
        let cache = known_cache(&sandbox).await;
        Self {
            timelines: Timelines::new(&cache, length),
            cache,
            sandbox,
            user: UserId::generate(),
        }
    }

    async fn set() -> Self {
        Self::with_length(LENGTH).await
    }

    async fn begin(&self) -> Option<Building> {
        self.timelines.begin(self.user).await.unwrap()
    }

    async fn build(&self, posts: &[Position], floor: Option<Timestamp>) {
        let building = self.begin().await.unwrap();
        assert!(self.finish(&building, posts, floor).await);
    }

    async fn finish(
        &self,
        building: &Building,
        posts: &[Position],
        floor: Option<Timestamp>,
    ) -> bool {
        let finish = self.timelines.finish(building, posts, floor);
        finish.await.unwrap()
    }

    async fn add(&self, posts: &[Position]) -> u64 {
        let users = [self.user];
        self.timelines.add(&users, posts, None).await.unwrap()
    }

    async fn read(&self, after: Option<Position>, count: usize) -> Option<Window> {
        let read = self.timelines.read(self.user, after, count);
        read.await.unwrap()
    }

    async fn all(&self) -> Window {
        self.read(None, self.timelines.all()).await.unwrap()
    }
}

#[tokio::test]
async fn what_is_added_is_there_newest_first() {
    let scene = Scene::set().await;
    assert_eq!(scene.read(None, 10).await, None);
    assert_eq!(scene.add(&[at(1)]).await, 0);
    scene.build(&[at(5), at(3)], None).await;
    assert_eq!(scene.add(&[at(4), at(9)]).await, 1);
    let window = scene.all().await;
    let moments = window.positions.iter().map(|it| it.0.as_millis());
    assert_eq!(moments.collect::<Vec<_>>(), [9, 5, 4, 3]);
    assert_eq!((window.edge, window.floor), (None, None));
    let (users, gone) = ([scene.user], window.positions[1]);
    scene.timelines.remove(&users, gone.1).await.unwrap();
    assert_eq!(scene.all().await.positions.len(), 3);
}

#[tokio::test]
async fn what_is_added_while_it_is_built_is_not_lost() {
    let scene = Scene::set().await;
    let (old, new) = (at(1), at(2));
    let building = scene.begin().await.unwrap();
    assert_eq!(scene.add(&[new]).await, 1);
    assert_eq!(scene.read(None, 10).await, None);
    assert!(scene.finish(&building, &[old], None).await);
    assert_eq!(scene.all().await.positions, [new, old]);
}

#[tokio::test]
async fn one_that_was_dropped_meanwhile_is_not_finished() {
    let scene = Scene::set().await;
    let first = scene.begin().await.unwrap();
    assert!(scene.begin().await.is_none(), "two build it");
    scene.timelines.drop_of(scene.user).await.unwrap();
    assert!(!scene.finish(&first, &[at(1)], None).await);
    let second = scene.begin().await.unwrap();
    assert!(!scene.finish(&first, &[at(1)], None).await);
    assert!(scene.finish(&second, &[], None).await);
    assert!(scene.begin().await.is_none(), "it is there");
}

#[tokio::test]
async fn one_of_another_life_of_redis_is_not_believed() {
    let scene = Scene::set().await;
    scene.build(&[at(2)], None).await;
    let (key, mut redis) = (keys::timeline(scene.user), scene.sandbox.redis());
    let tail: Vec<(Vec<u8>, String)> = redis.zrange_withscores(&key, -1, -1).await.unwrap();
    let _: () = redis.zrem(&key, &tail[0].0).await.unwrap();
    let _: () = redis.zadd(&key, b"e12345678", "inf").await.unwrap();
    assert_eq!(scene.read(None, 10).await, None);
    // What is posted goes in, whoever is asked which life it is.
    assert_eq!(scene.add(&[at(3)]).await, 1);
    scene.build(&[at(1)], None).await;
    assert_eq!(scene.all().await.positions.len(), 1);
}

#[tokio::test]
async fn above_its_floor_nothing_is_missing() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let scene = Scene::set().await;
    let mut everything = BTreeSet::new();
    scene.build(&[], None).await;
    for _ in 0..300 {
        // Few moments, so that many posts share one.
        let count = random.random_range(1..8);
        let added: Vec<Position> = (0..count).map(|_| at(random.random_range(0..60))).collect();
        // Of an author who has more, some of them before the oldest.
        let floor = random.random_bool(0.02).then(|| random.random_range(0..30));
        let floor = floor.map(Timestamp::from_millis);
        let known = added.iter().filter(|it| Some(it.0) > floor);
        everything.extend(known.copied());
        let users = [scene.user];
        scene.timelines.add(&users, &added, floor).await.unwrap();
        let window = scene.all().await;
        assert!(window.floor >= floor);
        let expected = everything.iter().rev().copied();
        let expected = expected.filter(|it| Some(it.0) > window.floor);
        assert_eq!(window.positions, expected.collect::<Vec<_>>());
        assert!(window.positions.len() <= LENGTH + LENGTH / 12 + 1);
    }
}

#[tokio::test]
async fn parts_of_it_join_without_a_gap() {
    let scene = Scene::set().await;
    let posts: Vec<Position> = (0..24).map(|n| at(n / 5)).collect();
    scene.build(&posts, None).await;
    let whole = scene.all().await.positions;
    for count in 6..30 {
        let (mut joined, mut after) = (Vec::new(), None);
        loop {
            let window = scene.read(after, count).await.unwrap();
            let part = window.positions.into_iter();
            joined.extend(part.filter(|it| after.is_none_or(|after| *it < after)));
            let next = joined.last().copied();
            if window.edge.is_none() || next == after {
                break;
            }
            after = next;
        }
        // A part that is all of one moment does not go on: more is to be read.
        if count > 10 {
            assert_eq!(joined, whole, "{count} at a time");
        }
    }
}

#[tokio::test]
async fn every_change_voids_the_stamp_of_the_feed() {
    let scene = Scene::set().await;
    let redis = scene.sandbox.redis();
    let key = keys::feed_version(scene.user);
    let (users, stamps) = ([scene.user], Stamps::new(&scene.cache));
    let set = async || {
        let mut redis = redis.clone();
        let _: () = redis.set(&key, "a stamp").await.unwrap();
    };
    let is_there = async || redis.clone().exists::<_, bool>(&key).await.unwrap();
    set().await;
    // Also without a timeline: a page may have come from MongoDB.
    scene.add(&[at(1)]).await;
    assert!(!is_there().await);
    set().await;
    scene.build(&[], None).await;
    assert!(is_there().await);
    scene.add(&[at(1)]).await;
    assert!(!is_there().await);
    set().await;
    scene.timelines.remove(&users, at(1).1).await.unwrap();
    assert!(!is_there().await);
    set().await;
    stamps.void_feeds(&users).await.unwrap();
    assert!(!is_there().await);
}

#[tokio::test]
async fn a_full_one_is_compact() {
    const USUAL: usize = 800;
    let scene = Scene::with_length(USUAL).await;
    scene.build(&[], None).await;
    for n in 0..1_000 {
        scene.add(&[at(1_700_000_000_000 + n * 1_000)]).await;
    }
    let mut redis = scene.sandbox.redis();
    let key = keys::timeline(scene.user);
    let encoding: String = redis.object_encoding(&key).await.unwrap();
    assert_eq!(encoding, "listpack");
    let bytes: usize = redis::cmd("MEMORY")
        .arg("USAGE")
        .arg(&key)
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(bytes < 32_000, "{bytes}");
}
