//! A feed is made anew while it changes: whatever happens between two steps of
//! the one who makes it is in the feed afterwards.

use std::{collections::BTreeMap, time::Duration};

use mongodb::bson::{Document, doc};
use redis::AsyncCommands;
use testkit::{Deployment, Moment, Sandbox, Service, User, Wiretap, eventually};

use super::{
    messages,
    reading::Way,
    rig::{CACHES, SETTLING},
    truth::Truth,
};

/// Long enough for a read to come to any of its steps.
const ARRIVAL: Duration = Duration::from_secs(10);
/// What posts asks MongoDB for without being asked for anything.
const CHATTER: [&str; 2] = ["find posts_outbox", "find posts_leases"];

/// Where services write what they are about to publish.
const OUTBOXES: [&str; 2] = ["posts_outbox", "auth_outbox"];

const CHANGES: [Change; 4] = [
    Change::Posted,
    Change::Deleted,
    Change::Followed,
    Change::Unfollowed,
];

/// What happens meanwhile.
#[derive(Clone, Copy, Debug)]
enum Change {
    Posted,
    Deleted,
    Followed,
    Unfollowed,
}

/// Two posts, the first of which can be held at what it asks MongoDB, each
/// with a gateway of its own, and a worker who knows only the second.
struct Rig {
    slow: Service,
    swift: Service,
    services: Vec<Service>,
    mongodb: Wiretap,
    amqp: Wiretap,
    deployment: Deployment,
}

/// Who reads, whom she follows, and whom she might follow.
struct Cast {
    ana: User,
    bo: User,
    cy: User,
}

#[tokio::test]
async fn nothing_that_happens_while_a_feed_is_made_is_missing_from_it() {
    let rig = Rig::start().await;
    let cast = Cast::gather(&rig).await;
    let steps = rig.steps(&cast).await;
    assert!(steps.contains_key("find posts"), "{steps:?}");
    for change in CHANGES {
        for (name, count) in &steps {
            for nth in 1..=*count {
                rig.forget_feeds().await;
                let mut hold = rig.mongodb.hold(Moment::After, name, nth);
                let reader = cast.ana.at(&rig.slow.client());
                let reading = tokio::spawn(async move { reader.get("/api/posts/feed").await });
                hold.reached(ARRIVAL).await;
                cast.make(change).await;
                rig.caught_up().await;
                hold.let_go();
                reading.await.unwrap().expect(200);
                rig.is_right(&cast, &format!("{change:?} after {name} {nth}"))
                    .await;
                cast.take_back(change).await;
                rig.caught_up().await;
            }
        }
    }
}

impl Rig {
    async fn start() -> Self {
        let mut deployment = Deployment::new(Sandbox::create().await).await;
        deployment.set("mongodb-timeout", "20s");
        deployment.set("redis-timeout", "5s");
        deployment.migrate().await;
        let amqp = Wiretap::amqp(&deployment.sandbox().amqp_url().await).await;
        deployment.set("amqp-url", amqp.url());
        let auth = deployment.start_auth().await;
        let direct = deployment.sandbox().mongodb_uri();
        let mongodb = Wiretap::mongodb(&direct).await;
        deployment.set("mongodb-uri", mongodb.url());
        let held = deployment.start_posts(&auth).await;
        deployment.set("mongodb-uri", direct);
        let free = deployment.start_posts(&auth).await;
        let worker = deployment.start_worker(&[&free]).await;
        Self {
            slow: deployment.start_gateway(&[&auth, &held]).await,
            swift: deployment.start_gateway(&[&auth, &free]).await,
            services: vec![auth, held, free, worker],
            mongodb,
            amqp,
            deployment,
        }
    }

    /// What making a feed anew asks MongoDB for, and how often.
    async fn steps(&self, cast: &Cast) -> BTreeMap<String, usize> {
        self.forget_feeds().await;
        self.mongodb.forget();
        let reader = cast.ana.at(&self.slow.client());
        reader.get("/api/posts/feed").await.expect(200);
        let mut steps = BTreeMap::new();
        for step in self.mongodb.recorded() {
            if step.name.starts_with("find ") && !CHATTER.contains(&step.name.as_str()) {
                *steps.entry(step.name).or_default() += 1;
            }
        }
        steps
    }

    async fn forget_feeds(&self) {
        let mut redis = self.deployment.sandbox().redis();
        for pattern in CACHES {
            let keys: Vec<String> = redis.keys(pattern).await.unwrap();
            if !keys.is_empty() {
                let _: () = redis.del(keys).await.unwrap();
            }
        }
    }

    /// Waits until everything that was done has come to the feeds that there are.
    async fn caught_up(&self) {
        let mongodb = self.deployment.sandbox().mongodb();
        eventually(ARRIVAL, async || {
            for outbox in OUTBOXES {
                let rows = mongodb.collection::<Document>(outbox);
                if rows.count_documents(doc! {}).await.unwrap() > 0 {
                    return false;
                }
            }
            let published = messages::published(&self.amqp).len() as u64;
            messages::settled(&self.services).await >= published
        })
        .await;
    }

    /// Waits until both see the feed as it must be.
    async fn is_right(&self, cast: &Cast, what: &str) {
        let (mongodb, ana) = (self.deployment.sandbox().mongodb(), &cast.ana);
        let id = ana.id.parse().unwrap();
        for door in [&self.slow, &self.swift] {
            let reader = ana.at(&door.client());
            let mut last = None;
            let is_right = async || {
                let truth = Truth::read(mongodb).await.feed_of(id);
                let seen = Way::Usual.read(&reader).await.feed;
                let is_right = seen == truth;
                last = Some((seen, truth));
                is_right
            };
            let waiting = tokio::time::timeout(SETTLING, eventually(2 * SETTLING, is_right));
            let is_right = waiting.await.is_ok();
            assert!(is_right, "{what}: seen and must be {last:#?}");
        }
    }
}

impl Cast {
    async fn gather(rig: &Rig) -> Self {
        let door = rig.swift.client();
        let person = async |name| User::register(&door, name).await;
        let (ana, bo, cy) = tokio::join!(person("ana"), person("bo"), person("cy"));
        ana.follow(&bo).await;
        for n in 0..3 {
            bo.publish(&format!("of somebody whom she follows {n}"))
                .await;
            cy.publish(&format!("of a stranger {n}")).await;
            ana.publish(&format!("her own {n}")).await;
        }
        Self { ana, bo, cy }
    }

    async fn make(&self, change: Change) {
        match change {
            Change::Posted => drop(self.bo.publish("meanwhile").await),
            Change::Deleted => {
                let page = self
                    .bo
                    .get(&format!("/api/posts/user/{}", self.bo.id))
                    .await;
                let newest = page.expect(200)["items"][0]["_id"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                self.bo
                    .delete(&format!("/api/posts/{newest}"))
                    .await
                    .expect(204);
            }
            Change::Followed => drop(self.ana.follow(&self.cy).await),
            Change::Unfollowed => drop(self.ana.unfollow(&self.bo).await),
        }
    }

    async fn take_back(&self, change: Change) {
        match change {
            Change::Posted => self.make(Change::Deleted).await,
            Change::Deleted => self.make(Change::Posted).await,
            Change::Followed => drop(self.ana.unfollow(&self.cy).await),
            Change::Unfollowed => drop(self.ana.follow(&self.bo).await),
        }
    }
}
