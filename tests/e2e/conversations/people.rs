use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use testkit::{Method, Response, User, eventually};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use super::rig::Rig;

const PEOPLE: usize = 48;
const AT_ONCE: usize = 16;
/// Before somebody who was not answered asks again.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest that nobody is answered.
const STANDSTILL: Duration = Duration::from_mins(1);

/// People who go on until told to stop. Each waits for an answer, and asks again
/// for the same until there is one.
pub(super) struct Crowd {
    shared: Arc<Shared>,
    people: JoinSet<Person>,
}

struct Shared {
    posts: Vec<String>,
    /// Comments to answer to: of which post, and their ids.
    comments: Mutex<Vec<(String, String)>>,
    acknowledged: AtomicU64,
    is_over: AtomicBool,
}

/// Whether something is so, as somebody was told last; `None` where the answer
/// leaves it open.
pub(super) type Told = BTreeMap<String, Option<bool>>;

/// Somebody, and what they were told.
pub(super) struct Person {
    pub(super) user: User,
    dice: StdRng,
    requests: u64,
    /// Own comments, and whether each is still there.
    pub(super) said: Told,
    /// Whether a comment is liked.
    pub(super) liked: Told,
    /// Whether a post is saved.
    pub(super) saved: Told,
}

impl Crowd {
    pub(super) async fn gather(rig: &Rig) -> Self {
        let (users, posts) = rig.people_and_posts(PEOPLE).await;
        let shared = Arc::new(Shared {
            posts,
            comments: Mutex::default(),
            acknowledged: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut people = JoinSet::new();
        for user in users {
            let person = Person {
                user,
                dice: StdRng::from_rng(&mut rand::rng()),
                requests: 0,
                said: Told::new(),
                liked: Told::new(),
                saved: Told::new(),
            };
            people.spawn(person.live(Arc::clone(&shared), Arc::clone(&turns)));
        }
        Self { shared, people }
    }

    /// Waits until `count` more things are done.
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

    /// Lets everybody come to an end.
    pub(super) async fn disperse(self) -> Vec<Person> {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.people.join_all().await
    }
}

impl Person {
    async fn live(mut self, shared: Arc<Shared>, turns: Arc<Semaphore>) -> Self {
        while !shared.is_over.load(Ordering::SeqCst) {
            let turn = turns.acquire().await.unwrap();
            self.act(&shared).await;
            shared.acknowledged.fetch_add(1, Ordering::SeqCst);
            drop(turn);
        }
        self
    }

    async fn act(&mut self, shared: &Shared) {
        let post = shared.posts.choose(&mut self.dice).unwrap().clone();
        let known = shared.comments.lock().unwrap().clone();
        let comment = known.choose(&mut self.dice).cloned();
        match (self.dice.random_range(0..10), comment) {
            (0..2, _) | (_, None) => {
                if let Some(id) = self.say(&post, None).await {
                    shared.comments.lock().unwrap().push((post, id));
                }
            }
            (2..4, Some((post, id))) => {
                self.say(&post, Some(&id)).await;
            }
            (4, Some(_)) => self.take_back().await,
            (5..8, Some((_, id))) => self.like(&id).await,
            (_, Some(_)) => self.save(&post).await,
        }
    }

    /// The id of what is said, unless what it answers to is gone.
    async fn say(&mut self, post: &str, parent: Option<&str>) -> Option<String> {
        let path = format!("/api/posts/{post}/comments");
        let body = json!({ "content": "I say", "parent_id": parent });
        let answer = self.insist(Method::POST, &path, &body).await;
        if answer.problem_code() == "comment_not_found" {
            return None;
        }
        let id = answer.expect(201)["_id"].as_str().unwrap().to_owned();
        self.said.insert(id.clone(), Some(true));
        Some(id)
    }

    async fn take_back(&mut self) {
        let own = self.said.iter();
        let there = own.filter(|(_, is_there)| **is_there == Some(true));
        let there: Vec<String> = there.map(|(id, _)| id.clone()).collect();
        let Some(id) = there.choose(&mut self.dice) else {
            return;
        };
        let path = format!("/api/comments/{id}");
        let answer = self.insist(Method::DELETE, &path, &Value::Null).await;
        assert!(matches!(answer.status, 204 | 404), "{answer:?}");
        // It may have gone with what it answered to, or by an attempt without an answer.
        let is_there = (answer.status == 204).then_some(false);
        self.said.insert(id.clone(), is_there);
    }

    async fn like(&mut self, comment: &str) {
        let wanted = self.dice.random_bool(0.7);
        let path = format!("/api/comments/{comment}/like");
        let answer = self.insist(method(wanted), &path, &Value::Null).await;
        if answer.problem_code() == "comment_not_found" {
            self.liked.insert(comment.to_owned(), None);
            return;
        }
        assert_eq!(answer.expect(200)["is_liked"], wanted);
        self.liked.insert(comment.to_owned(), Some(wanted));
    }

    async fn save(&mut self, post: &str) {
        let wanted = self.dice.random_bool(0.6);
        let path = format!("/api/posts/{post}/save");
        let answer = self.insist(method(wanted), &path, &Value::Null).await;
        assert_eq!(answer.expect(200)["is_saved"], wanted);
        self.saved.insert(post.to_owned(), Some(wanted));
    }

    /// Asks until there is an answer, always for the same.
    async fn insist(&mut self, method: Method, path: &str, body: &Value) -> Response {
        self.requests += 1;
        let key = self.requests.to_string();
        let client = (*self.user).clone().with_header("idempotency-key", &key);
        loop {
            let request = client.request(method.clone(), path);
            let request = if body.is_null() {
                request
            } else {
                request.json(body)
            };
            match client.try_send(request).await {
                Ok(answer) if !matches!(answer.status, 502..=504) => return answer,
                _ => sleep(PAUSE).await,
            }
        }
    }
}

fn method(wanted: bool) -> Method {
    if wanted { Method::POST } else { Method::DELETE }
}
