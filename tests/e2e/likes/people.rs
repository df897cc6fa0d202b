use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mongodb::bson::oid::ObjectId;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use testkit::{Client, Method, User, eventually};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use super::rig::Rig;

const PEOPLE: usize = 2_000;
/// What each of them wants at least, so that it is 20,000 in all. They go on
/// as long as the faults do.
const WISHES_EACH: usize = 10;
/// Wishes about one post that come one after the other, as fast as the answers, at most.
const BURST: usize = 4;
const AT_ONCE: usize = 64;
const REACTIONS: [&str; 4] = ["❤️", "👍🏽", "😂", "👨‍👩‍👧‍👦"];
/// Longer than the gateway waits for posts (30 s), and posts for its servers:
/// who gives up on a request that is still on its way and asks for something
/// else must expect that the first arrives last.
const PATIENCE: Duration = Duration::from_secs(40);
/// Before the second attempt, and twice as long before each that follows, up to
/// the second that `Retry-After` asks for.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Every so often somebody looks at what they have just liked.
const LOOKS: u32 = 16;
/// The longest that nobody is answered.
const STANDSTILL: Duration = Duration::from_secs(90);

/// What somebody wants to be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Like(&'static str),
    Unlike,
}

/// What people were told last.
pub(super) struct Acknowledged {
    /// With what each user likes each post; `None` where it was taken back.
    pub(super) reactions: HashMap<(ObjectId, ObjectId), Option<&'static str>>,
    /// Those who were told.
    pub(super) people: Vec<User>,
    /// The posts.
    pub(super) posts: Vec<ObjectId>,
    figures: String,
}

/// People who like, unlike and repeat until told to stop. Each waits for an
/// answer, and asks again for the same until there is one.
pub(super) struct Crowd {
    shared: Arc<Shared>,
    people: JoinSet<Person>,
    posts: Vec<ObjectId>,
    began: Instant,
}

#[derive(Default)]
struct Shared {
    acknowledged: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
    looks: AtomicU64,
    is_over: AtomicBool,
    has_lost_redis: AtomicBool,
}

struct Person {
    user: User,
    id: ObjectId,
    doors: [Client; 2],
    posts: Vec<ObjectId>,
    shared: Arc<Shared>,
    /// Decides what is wanted, whatever happens.
    wishes: StdRng,
    /// Decides the rest.
    luck: StdRng,
    told: HashMap<ObjectId, Wish>,
}

impl Crowd {
    /// Brings the people to the doors of `rig`, and lets them begin.
    pub(super) async fn gather(rig: &Rig, seed: u64) -> Self {
        let (users, posts) = rig.people_and_posts(PEOPLE).await;
        let shared = Arc::<Shared>::default();
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut people = JoinSet::new();
        for (n, user) in (0..).zip(users) {
            let person = Person {
                id: user.id.parse().unwrap(),
                doors: rig.doors().map(|door| user.at(&door)),
                user,
                posts: posts.clone(),
                shared: Arc::clone(&shared),
                wishes: StdRng::seed_from_u64(seed.wrapping_add(n)),
                luck: StdRng::seed_from_u64(seed.wrapping_sub(n)),
                told: HashMap::new(),
            };
            people.spawn(person.live(Arc::clone(&turns)));
        }
        Self {
            shared,
            people,
            posts,
            began: Instant::now(),
        }
    }

    /// Waits until `count` more of their wishes are acknowledged.
    pub(super) async fn more(&mut self, count: u64) {
        let so_far = self.shared.acknowledged.load(Ordering::SeqCst);
        let (shared, people) = (&self.shared, &mut self.people);
        eventually(STANDSTILL, async || {
            if let Some(ended) = people.try_join_next() {
                ended.expect("nobody met anything unexpected");
            }
            shared.acknowledged.load(Ordering::SeqCst) >= so_far + count
        })
        .await;
    }

    /// Notes in the output of the test that something happens now.
    pub(super) fn tell(&self, what: &str) {
        let seconds = self.began.elapsed().as_secs();
        eprintln!("{seconds:4} s, {}: {what}", self.shared);
    }

    /// From now on Redis may have forgotten what is on its way, and people may
    /// see for a while what was before.
    pub(super) fn expect_no_memory(&self) {
        self.shared.has_lost_redis.store(true, Ordering::SeqCst);
    }

    /// Lets everybody come to an end; what they were told.
    pub(super) async fn disperse(self) -> Acknowledged {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let (mut reactions, mut people) = (HashMap::new(), Vec::new());
        for person in self.people.join_all().await {
            for (post, wish) in person.told {
                reactions.insert((person.id, post), wish.reaction());
            }
            people.push(person.user);
        }
        Acknowledged {
            reactions,
            people,
            posts: self.posts,
            figures: self.shared.to_string(),
        }
    }
}

impl Person {
    async fn live(mut self, turns: Arc<Semaphore>) -> Self {
        let mut fulfilled = 0;
        while fulfilled < WISHES_EACH || !self.shared.is_over.load(Ordering::SeqCst) {
            let turn = turns.acquire().await.unwrap();
            let post = self.favourite();
            for _ in 0..self.wishes.random_range(1..=BURST) {
                let wish = self.wish(post);
                self.insist(post, wish).await;
                fulfilled += 1;
            }
            drop(turn);
        }
        self
    }

    /// Half of the time the first.
    fn favourite(&mut self) -> ObjectId {
        let at = self.wishes.random_range(0..2 * self.posts.len());
        *self.posts.get(at).unwrap_or(&self.posts[0])
    }

    fn wish(&mut self, post: ObjectId) -> Wish {
        let reaction = REACTIONS[self.wishes.random_range(0..REACTIONS.len())];
        match self.wishes.random_range(0..10) {
            0..5 => Wish::Like(reaction),
            5..8 => Wish::Unlike,
            // Once more what there is.
            _ => self
                .told
                .get(&post)
                .copied()
                .unwrap_or(Wish::Like(reaction)),
        }
    }

    async fn insist(&mut self, post: ObjectId, wish: Wish) {
        let mut pause = FIRST_PAUSE;
        while !self.is_acknowledged(post, wish).await {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
        self.told.insert(post, wish);
        self.shared.acknowledged.fetch_add(1, Ordering::SeqCst);
        if self.luck.random_ratio(1, LOOKS) {
            self.look(post, wish).await;
        }
    }

    async fn is_acknowledged(&mut self, post: ObjectId, wish: Wish) -> bool {
        let path = format!("/api/posts/{post}/like");
        let door = self.door();
        let request = match wish {
            Wish::Like(reaction) => {
                let request = door.request(Method::POST, &path);
                request.json(&json!({ "reaction": reaction }))
            }
            Wish::Unlike => door.request(Method::DELETE, &path),
        };
        let Ok(answer) = door.try_send(request.timeout(PATIENCE)).await else {
            self.shared.lost.fetch_add(1, Ordering::SeqCst);
            return false;
        };
        if matches!(answer.status, 502..=504) {
            self.shared.refused.fetch_add(1, Ordering::SeqCst);
            return false;
        }
        let body = answer.expect(200);
        assert_eq!(body["is_liked"], wish != Wish::Unlike, "{wish:?}: {body}");
        assert_eq!(body["reaction"].as_str(), wish.reaction(), "{body}");
        true
    }

    /// Whoever was told sees it at once, whichever replica they ask.
    async fn look(&mut self, post: ObjectId, wish: Wish) {
        let path = format!("/api/posts/{post}");
        let door = self.door();
        let request = door.request(Method::GET, &path).timeout(PATIENCE);
        let Ok(answer) = door.try_send(request).await else {
            return;
        };
        if matches!(answer.status, 502..=504) || self.shared.has_lost_redis.load(Ordering::SeqCst) {
            return;
        }
        let seen = answer.expect(200);
        assert_eq!(seen["is_liked"], wish != Wish::Unlike, "{wish:?}: {seen}");
        assert_eq!(seen["reaction"].as_str(), wish.reaction(), "{seen}");
        self.shared.looks.fetch_add(1, Ordering::SeqCst);
    }

    fn door(&mut self) -> Client {
        let at = self.luck.random_range(0..self.doors.len());
        self.doors[at].clone()
    }
}

impl Wish {
    fn reaction(self) -> Option<&'static str> {
        match self {
            Self::Like(reaction) => Some(reaction),
            Self::Unlike => None,
        }
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |count: &AtomicU64| count.load(Ordering::SeqCst);
        write!(
            f,
            "{} wishes acknowledged, {} refused, {} not answered, {} looked at",
            of(&self.acknowledged),
            of(&self.refused),
            of(&self.lost),
            of(&self.looks),
        )
    }
}

impl fmt::Display for Acknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.figures)
    }
}
