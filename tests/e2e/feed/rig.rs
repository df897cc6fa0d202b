use std::time::Duration;

use bus::{AmqpSettings, Publisher};
use futures_util::TryStreamExt;
use mongodb::{
    Database,
    bson::{Document, doc},
};
use rand::{RngExt, rngs::StdRng, seq::SliceRandom};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use testkit::{Deployment, Metrics, OwnServers, Sandbox, Service, User, Wiretap};

use super::messages;

/// Messages that come once more at a time.
const REPLAYED: usize = 20;
/// What may vanish from Redis at any time, because it expires or because Redis
/// needs the room.
pub(super) const CACHES: [&str; 6] = [
    "feed:*",
    "timeline:*",
    "author:*",
    "user:*",
    "post:*",
    "relation:*",
];
/// Of each of them, how much vanishes.
const VANISHING: f64 = 0.3;

const SETTINGS: [(&str, &str); 6] = [
    // A line a request would be most of what this run does.
    ("log", "warn"),
    // All of them share the cores of one machine: being slow is not being down.
    ("auth-timeout", "10s"),
    ("redis-timeout", "2s"),
    ("mongodb-timeout", "20s"),
    // Fourteen people are enough to be on both sides of both.
    ("fanout-limit", "4"),
    ("timeline-length", "30"),
];

/// A gateway, two posts, two workers and auth, each a process, on servers of
/// their own.
pub(super) struct Rig {
    pub(super) workers: [Service; 2],
    gateway: Service,
    posts: [Service; 2],
    _auth: Service,
    pub(super) deployment: Deployment,
    /// Sees everything that is published.
    amqp: Wiretap,
    pub(super) servers: OwnServers,
}

impl Rig {
    pub(super) async fn start() -> Self {
        let servers = OwnServers::start().await;
        let mut deployment = Deployment::new(Sandbox::on(&servers).await).await;
        for (name, value) in SETTINGS {
            deployment.set(name, value);
        }
        deployment.migrate().await;
        let amqp = Wiretap::amqp(&deployment.sandbox().amqp_url().await).await;
        deployment.set("amqp-url", amqp.url());
        let auth = deployment.start_auth().await;
        let posts = async || deployment.start_posts(&auth).await;
        let (one, two) = tokio::join!(posts(), posts());
        let worker = async |posts| deployment.start_worker(&[posts]).await;
        let workers = tokio::join!(worker(&one), worker(&two));
        let gateway = deployment.start_gateway(&[&auth, &one, &two]).await;
        Self {
            workers: workers.into(),
            gateway,
            posts: [one, two],
            _auth: auth,
            deployment,
            amqp,
            servers,
        }
    }

    /// `size` people, called `p0`, `p1` and so on.
    pub(super) async fn people(&self, size: usize) -> Vec<User> {
        let door = self.gateway.client();
        let mut people = Vec::new();
        for n in 0..size {
            people.push(User::register(&door, &format!("p{n}")).await);
        }
        people
    }

    pub(super) fn mongodb(&self) -> &Database {
        self.deployment.sandbox().mongodb()
    }

    /// A connection to Redis as it is now.
    pub(super) async fn redis(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.deployment.sandbox().redis_url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// What both posts have counted under `name`, with `label` among its labels.
    pub(super) async fn counted(&self, name: &str, label: &str) -> u64 {
        let mut sum = 0;
        for posts in &self.posts {
            let metrics = Metrics::of(&posts.operator()).await.expect("metrics");
            sum += metrics.sum(name, |labels| labels.contains(label));
        }
        sum
    }

    /// Lets some of what is cached be gone.
    pub(super) async fn expire(&self, dice: &mut StdRng) {
        let mut redis = self.redis().await;
        for pattern in CACHES {
            let keys = redis::cmd("KEYS")
                .arg(pattern)
                .query_async(&mut redis)
                .await;
            let mut keys: Vec<String> = keys.unwrap();
            keys.sort_unstable();
            keys.retain(|_| dice.random_bool(VANISHING));
            if !keys.is_empty() {
                let gone = redis::cmd("DEL").arg(keys).exec_async(&mut redis).await;
                gone.unwrap();
            }
        }
    }

    /// What Redis has under keys that name `reader`, and how authors are fanned out.
    pub(super) async fn kept_for(&self, reader: &User) -> Vec<String> {
        let mut redis = self.redis().await;
        let keys: Vec<String> = redis.keys(format!("*{}*", reader.id)).await.unwrap();
        let mut lines = Vec::new();
        for key in keys {
            let kept: Vec<Vec<u8>> = if key.starts_with("timeline:") {
                redis.zrange(&key, 0, -1).await.unwrap()
            } else {
                redis.get(&key).await.into_iter().collect()
            };
            lines.push(format!(
                "{key}: {}",
                kept.iter().map(|it| hex(it)).collect::<Vec<_>>().join(" ")
            ));
        }
        let modes = self.mongodb().collection::<Document>("fanout_modes");
        let modes = modes.find(doc! {}).await.unwrap();
        let modes: Vec<Document> = modes.try_collect().await.unwrap();
        lines.extend(modes.iter().map(Document::to_string));
        lines
    }

    /// Lets a week pass for those who have not read their feed.
    pub(super) async fn neglect(&self, readers: &[User]) {
        let mut redis = self.redis().await;
        for reader in readers {
            let timeline = format!("timeline:{}", reader.id);
            let gone = redis::cmd("DEL").arg(timeline).exec_async(&mut redis).await;
            gone.unwrap();
        }
    }

    /// Publishes some of the messages that there have been once more, in any order.
    pub(super) async fn replay(&self, dice: &mut StdRng) {
        let mut again = messages::published(&self.amqp);
        again.shuffle(dice);
        again.truncate(REPLAYED);
        let settings = AmqpSettings {
            amqp_url: self.deployment.sandbox().amqp_url().await.into(),
        };
        for outcome in Publisher::new(&settings, "replay")
            .publish_all(&again)
            .await
        {
            outcome.unwrap();
        }
    }
}

/// Longest that anybody's feed may need until it is what it must be: less than
/// a cached page lives, so that none is right only because it has expired.
pub(super) const SETTLING: Duration = Duration::from_secs(20);

/// As ids are written.
fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
