use bson::oid::ObjectId;
use cache::RedisSettings;
use runtime::{ManualClock, SystemClock};
use testkit::{Sandbox, eventually};

use super::*;

const SOON: Duration = Duration::from_secs(10);
/// Seconds that intents are kept, as `layers.lua` has it.
const KEPT: i64 = 120;

/// A version, and the reaction or a dash.
type Held = Option<(i64, String)>;

struct Scene {
    sandbox: Sandbox,
    clock: ManualClock,
    intents: Intents,
    user: UserId,
    thing: LikedId,
}

impl Scene {
    async fn set() -> Self {
        let sandbox = Sandbox::with_outages().await;
        let clock = ManualClock::default();
        Self {
            intents: intents(&sandbox, &clock),
            sandbox,
            clock,
            user: UserId::generate(),
            thing: LikedId::generate(),
        }
    }

    async fn put(&self, reaction: Option<&str>) -> i64 {
        let reaction = reaction.map(|text| Reaction::parse(text).unwrap());
        let at = self.clock.now();
        let put = self
            .intents
            .put(self.user, self.thing, at, reaction.as_ref());
        put.await
    }

    fn applied(&self, version: i64) -> AppliedLike {
        AppliedLike {
            user_id: self.user,
            liked_id: self.thing,
            version,
        }
    }

    async fn confirm(&self, version: i64) {
        self.intents.confirm(self.applied(version));
        eventually(SOON, async || !self.intents.unmarked().is_marked).await;
    }

    async fn settle(&self, version: i64) {
        self.intents.settle(&[self.applied(version)]).await;
    }

    async fn take_back(&self, version: i64) {
        let intents = &self.intents;
        intents.take_back(self.user, self.thing, version).await;
    }

    /// What holds.
    async fn holds(&self) -> Held {
        let one = self.intents.of(self.user, [self.thing]).await;
        assert_eq!(self.intents.all_of(self.user).await, one);
        let intent = one.get(&self.thing)?.clone();
        let word = intent.reaction.map(|reaction| reaction.to_string());
        Some((intent.version, word.unwrap_or_else(|| "-".to_owned())))
    }

    async fn lifetime(&self) -> i64 {
        let key = keys::like_intents(self.user);
        self.sandbox.redis().ttl(key).await.unwrap()
    }

    async fn alive(&self) -> u64 {
        self.intents.alive().await.unwrap()
    }
}

fn intents(sandbox: &Sandbox, clock: &ManualClock) -> Intents {
    let settings = RedisSettings {
        redis_url: sandbox.redis_url().into(),
        redis_timeout: Duration::from_secs(5),
        redis_pool_size: 1,
    };
    let cache = Cache::connect(&settings).unwrap();
    Intents::new(cache, Arc::new(clock.clone()), Shutdown::new())
}

/// What [`Scene::holds`] says of an intent.
fn word(version: i64, state: &str) -> Held {
    let held = (version, state.to_owned());
    held.into()
}

#[tokio::test]
async fn the_newest_holds_until_it_is_taken_back() {
    let scene = Scene::set().await;
    assert_eq!(scene.holds().await, None);
    let liked = scene.put(Some("❤️")).await;
    assert_eq!(scene.holds().await, word(liked, "❤️"));
    let taken_back = scene.put(None).await;
    assert!(taken_back > liked);
    assert_eq!(scene.holds().await, word(taken_back, "-"));
    scene.take_back(taken_back).await;
    assert_eq!(scene.holds().await, word(liked, "❤️"));
    scene.take_back(liked).await;
    assert_eq!(scene.holds().await, None);
    assert!(scene.put(None).await > taken_back);
}

#[tokio::test]
async fn the_answers_of_the_broker_may_come_in_any_order() {
    let scene = Scene::set().await;
    let [one, two, three] = [
        scene.put(Some("1")).await,
        scene.put(Some("2")).await,
        scene.put(Some("3")).await,
    ];
    scene.confirm(one).await;
    scene.take_back(two).await;
    assert_eq!(scene.holds().await, word(three, "3"));
    scene.take_back(three).await;
    assert_eq!(scene.holds().await, word(one, "1"));
    // What is confirmed cannot be taken back.
    scene.take_back(one).await;
    assert_eq!(scene.holds().await, word(one, "1"));
    assert_eq!(scene.alive().await, 1);
}

#[tokio::test]
async fn what_nobody_confirmed_gives_way_to_what_was_before() {
    let scene = Scene::set().await;
    let liked = scene.put(Some("❤️")).await;
    scene.confirm(liked).await;
    scene.clock.advance(Duration::from_mins(1));
    let forgotten = scene.put(None).await;
    assert_eq!(scene.holds().await, word(forgotten, "-"));
    scene.clock.advance(Duration::from_secs(31));
    assert_eq!(scene.holds().await, word(liked, "❤️"));
    let again = scene.put(None).await;
    scene.take_back(again).await;
    assert_eq!(scene.holds().await, word(liked, "❤️"));
}

#[tokio::test]
async fn what_is_applied_is_kept_for_a_while() {
    let scene = Scene::set().await;
    let liked = scene.put(Some("❤️")).await;
    scene.confirm(liked).await;
    assert_eq!(scene.alive().await, 1);
    assert!(scene.lifetime().await > KEPT);
    scene.settle(liked).await;
    assert_eq!(
        (scene.alive().await, scene.holds().await),
        (0, word(liked, "❤️"))
    );
    assert!((1..=KEPT).contains(&scene.lifetime().await));
    // What comes later needs the key again.
    let other = LikedId::generate();
    let at = scene.clock.now();
    let version = scene.intents.put(scene.user, other, at, None).await;
    assert!(scene.lifetime().await > KEPT);
    let other = AppliedLike {
        liked_id: other,
        ..scene.applied(version)
    };
    scene.intents.settle(&[other]).await;
    assert!((1..=KEPT).contains(&scene.lifetime().await));
}

#[tokio::test]
async fn what_is_applied_says_nothing_of_what_is_newer() {
    let scene = Scene::set().await;
    let (one, two) = (scene.put(Some("1")).await, scene.put(Some("2")).await);
    scene.confirm(one).await;
    scene.confirm(two).await;
    scene.settle(one).await;
    assert_eq!(
        (scene.alive().await, scene.holds().await),
        (1, word(two, "2"))
    );
    scene.settle(two).await;
    // The worker was faster than whoever waited for the broker.
    let three = scene.put(Some("3")).await;
    scene.settle(three).await;
    scene.confirm(three).await;
    scene.take_back(three).await;
    assert_eq!(
        (scene.alive().await, scene.holds().await),
        (0, word(three, "3"))
    );
    // An older job that comes late.
    scene.settle(one).await;
    assert_eq!(scene.holds().await, word(three, "3"));
    assert!((1..=KEPT).contains(&scene.lifetime().await));
}

#[tokio::test]
async fn versions_grow_whatever_the_clocks_and_redis_do() {
    let scene = Scene::set().await;
    let mut versions = Vec::new();
    // A clock that is far ahead is not believed, and one that is a little ahead is.
    scene.clock.advance(Duration::from_millis(500));
    versions.push(scene.put(Some("❤️")).await);
    scene.clock.advance(Duration::from_hours(1));
    versions.push(scene.put(Some("❤️")).await);
    assert!(versions[1] < SystemClock.now_micros() + 2_000_000);
    scene.sandbox.flush_redis().await;
    versions.push(scene.put(None).await);
    scene.sandbox.redis_proxy().cut();
    versions.push(scene.put(None).await);
    assert_eq!(scene.holds().await, None);
    versions.push(scene.put(Some("❤️")).await);
    scene.sandbox.redis_proxy().restore();
    eventually(SOON, async || {
        let version = scene.put(None).await;
        versions.push(version);
        scene.holds().await == word(version, "-")
    })
    .await;
    // Another process goes on behind the intent that it finds.
    let other = Scene {
        intents: intents(&scene.sandbox, &ManualClock::default()),
        ..scene
    };
    versions.push(other.put(Some("❤️")).await);
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
}

#[tokio::test]
async fn who_likes_a_lot_keeps_little() {
    let scene = Scene::set().await;
    let mut longest = 0_u64;
    for _ in 0..500 {
        scene.clock.advance(Duration::from_secs(1));
        let liked_id = LikedId::from(ObjectId::new());
        let at = scene.clock.now();
        let version = scene.intents.put(scene.user, liked_id, at, None).await;
        let applied = AppliedLike {
            liked_id,
            ..scene.applied(version)
        };
        scene.intents.settle(&[applied]).await;
        let key = keys::like_intents(scene.user);
        let length: u64 = scene.sandbox.redis().hlen(key).await.unwrap();
        longest = longest.max(length);
    }
    assert!((128..300).contains(&longest), "{longest} fields");
}

#[tokio::test]
async fn somebody_looks_what_became_of_old_ones() {
    let scene = Scene::set().await;
    let (one, two) = (scene.put(Some("1")).await, scene.put(Some("2")).await);
    scene.confirm(one).await;
    scene.confirm(two).await;
    let due = async || scene.intents.due().await.unwrap();
    assert_eq!(due().await, []);
    scene.clock.advance(FIRST_LOOK);
    assert_eq!(due().await, [scene.applied(two)]);
    // Whoever comes next finds other ones.
    assert_eq!(due().await, []);
    scene.clock.advance(NEXT_LOOK);
    assert_eq!(due().await, [scene.applied(two)]);
    scene.settle(two).await;
    scene.clock.advance(NEXT_LOOK);
    assert_eq!(due().await, []);
    // One whose intent Redis has lost is nobody's business any more.
    let three = scene.put(None).await;
    scene.confirm(three).await;
    let _: () = scene
        .sandbox
        .redis()
        .del(keys::like_intents(scene.user))
        .await
        .unwrap();
    scene.clock.advance(NEXT_LOOK);
    assert_eq!((due().await, scene.alive().await), (vec![], 0));
}
