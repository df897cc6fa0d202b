//! Workers share the partitions, take over from each other, and leave nothing
//! undone, whatever is down.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use contracts::topology::{LIKES, PARTITIONS};
use mongodb::{
    Database,
    bson::{Document, doc, oid::ObjectId},
};
use redis::AsyncCommands;
use serde_json::Value;
use testkit::{Deployment, Metrics, Moment, Sandbox, Service, User, Wiretap, eventually};

/// Within this a new worker has its share.
const SHARING: Duration = Duration::from_secs(10);
/// Within this the partitions of a worker that is gone are somebody else's.
const MOVING: Duration = Duration::from_secs(15);
const SOON: Duration = Duration::from_secs(30);

/// Everything but workers, and a post in each partition.
struct Rig {
    author: User,
    posts: Vec<String>,
    gateway: Service,
    posts_service: Service,
    _auth: Service,
    deployment: Deployment,
}

impl Rig {
    async fn start(sandbox: Sandbox) -> Self {
        Self::of(Deployment::new(sandbox).await).await
    }

    async fn of(mut deployment: Deployment) -> Self {
        // Services that wait for each other for as long as a busy machine takes.
        deployment.set("auth-timeout", "18s");
        deployment.set("mongodb-timeout", "18s");
        deployment.migrate().await;
        let auth = deployment.start_auth().await;
        let posts_service = deployment.start_posts(&auth).await;
        let gateway = deployment.start_gateway(&[&auth, &posts_service]).await;
        let author = User::register(&gateway.client(), "bo").await;
        let post = author.publish("one of many").await;
        let posts = plant_copies(deployment.sandbox().mongodb(), &post).await;
        Self {
            author,
            posts,
            gateway,
            posts_service,
            _auth: auth,
            deployment,
        }
    }

    async fn worker(&self) -> Service {
        self.deployment.start_worker(&[&self.posts_service]).await
    }

    async fn two_workers(&self) -> [Service; 2] {
        let workers = [self.worker().await, self.worker().await];
        eventually(SHARING, async || shares(&workers).await == [4, 4]).await;
        workers
    }

    /// Somebody new likes every post.
    async fn like_all(&self) {
        let fan = User::register(&self.gateway.client(), "ana").await;
        for post in &self.posts {
            let path = format!("/api/posts/{post}/like");
            fan.post_empty(&path).await.expect(200);
        }
    }

    /// Waits until every post has `count` likes, stored and counted.
    async fn liked(&self, count: u32, limit: Duration) {
        let mongodb = self.deployment.sandbox().mongodb();
        let likes = mongodb.collection::<Document>("likes");
        let posts = mongodb.collection::<Document>("posts");
        eventually(limit, async || {
            for post in &self.posts {
                let post: ObjectId = post.parse().unwrap();
                let of_post = doc! { "post_id": post };
                let counted = doc! { "_id": post, "likes_count": count };
                if likes.count_documents(of_post).await.unwrap() != u64::from(count)
                    || posts.count_documents(counted).await.unwrap() != 1
                {
                    return false;
                }
            }
            true
        })
        .await;
    }

    /// Who holds which partition.
    async fn holders(&self) -> BTreeMap<String, String> {
        let mut redis = self.deployment.sandbox().redis();
        redis.hgetall("lease:likes-queue:holders").await.unwrap()
    }
}

/// Copies of `post`, one in each partition, in their order.
async fn plant_copies(mongodb: &Database, post: &Value) -> Vec<String> {
    let posts = mongodb.collection::<Document>("posts");
    let id: ObjectId = post["_id"].as_str().unwrap().parse().unwrap();
    let original = posts.find_one(doc! { "_id": id }).await.unwrap().unwrap();
    let mut copies = Vec::new();
    for partition in LIKES.partitions {
        let mut ids = std::iter::repeat_with(ObjectId::new);
        let id = ids.find(|id| LIKES.partition_of(&id.bytes()) == partition);
        let mut copy = original.clone();
        copy.insert("_id", id.unwrap());
        copies.push(copy);
    }
    posts.insert_many(&copies).await.unwrap();
    let id = |copy: &Document| copy.get_object_id("_id").unwrap().to_hex();
    copies.iter().map(id).collect()
}

/// How many partitions each holds, most first; nothing while a worker reads
/// others than it holds.
async fn shares(workers: &[impl Borrow<Service>]) -> Vec<u64> {
    let mut shares = Vec::new();
    for worker in workers.iter().map(Borrow::borrow) {
        let held = count(worker, "worker_partitions_held").await;
        if count(worker, "worker_partitions_read").await != held {
            return Vec::new();
        }
        shares.push(held);
    }
    shares.sort_unstable_by(|a, b| b.cmp(a));
    shares
}

async fn count(worker: &Service, name: &str) -> u64 {
    let metrics = Metrics::of(&worker.operator()).await.unwrap();
    metrics.sum(name, |_| true)
}

#[tokio::test]
async fn two_workers_share_evenly_and_a_third_takes_its_share() {
    let rig = Rig::start(Sandbox::create().await).await;
    let first = rig.worker().await;
    eventually(SHARING, async || shares(&[&first]).await == [8]).await;
    let mut workers = vec![first, rig.worker().await];
    eventually(SHARING, async || shares(&workers).await == [4, 4]).await;
    workers.push(rig.worker().await);
    eventually(SHARING, async || shares(&workers).await == [3, 3, 2]).await;
    rig.like_all().await;
    rig.liked(1, SOON).await;
}

#[tokio::test]
async fn the_partitions_of_a_killed_worker_move() {
    let rig = Rig::start(Sandbox::create().await).await;
    let [mut dead, alive] = rig.two_workers().await;
    dead.process.kill();
    rig.like_all().await;
    rig.liked(1, MOVING).await;
    assert_eq!(shares(&[&alive]).await, [8]);

    dead.restart().await;
    eventually(SHARING, async || shares(&[&dead, &alive]).await == [4, 4]).await;
}

#[tokio::test]
async fn the_partitions_of_a_frozen_worker_move_and_it_learns_of_it() {
    let rig = Rig::start(Sandbox::create().await).await;
    let [frozen, alive] = rig.two_workers().await;
    frozen.process.freeze();
    rig.like_all().await;
    rig.liked(1, MOVING).await;
    assert_eq!(shares(&[&alive]).await, [8]);

    frozen.process.thaw();
    eventually(SHARING, async || shares(&[&frozen, &alive]).await == [4, 4]).await;
    rig.like_all().await;
    rig.liked(2, SOON).await;
}

#[tokio::test]
async fn a_partition_is_handed_over_when_its_batch_is_done_and_not_before() {
    let sandbox = Sandbox::create().await;
    let mongodb = Wiretap::mongodb(&sandbox.mongodb_uri()).await;
    let mut deployment = Deployment::new(sandbox).await;
    deployment.set("mongodb-uri", mongodb.url());
    let rig = Rig::of(deployment).await;
    let first = rig.worker().await;
    eventually(SHARING, async || shares(&[&first]).await == [8]).await;
    let (last, post) = (LIKES.partitions[7], &rig.posts[7]);
    let mut hold = mongodb.hold(Moment::Before, "insert likes", 1);
    let like = format!("/api/posts/{post}/like");
    rig.author.post_empty(&like).await.expect(200);
    hold.reached(SOON).await;

    let held_by = rig.holders().await[last].clone();
    let second = rig.worker().await;
    eventually(SHARING, async || {
        count(&second, "worker_partitions_held").await == 3
    })
    .await;
    assert_eq!(count(&first, "worker_partitions_read").await, 5);
    assert_eq!(rig.holders().await[last], held_by);
    drop(hold);
    eventually(SHARING, async || shares(&[&first, &second]).await == [4, 4]).await;
    assert_ne!(rig.holders().await[last], held_by);
    assert_eq!(count(&second, "bus_redelivered_total").await, 0);
    let seen = rig.author.get(&format!("/api/posts/{post}")).await;
    assert_eq!(seen.expect(200)["likes_count"], Value::from(1));
}

#[tokio::test]
async fn likes_are_stored_while_redis_is_down_also_when_a_worker_dies() {
    let rig = Rig::start(Sandbox::with_outages().await).await;
    let [mut dead, alive] = rig.two_workers().await;
    let redis = rig.deployment.sandbox().redis_proxy();
    redis.cut();
    rig.like_all().await;
    rig.liked(1, SOON).await;

    dead.process.kill();
    rig.like_all().await;
    rig.liked(2, MOVING).await;

    redis.restore();
    eventually(SHARING, async || shares(&[&alive]).await == [8]).await;
    dead.restart().await;
    eventually(SHARING, async || shares(&[&dead, &alive]).await == [4, 4]).await;
    rig.like_all().await;
    rig.liked(3, SOON).await;
}

#[tokio::test]
async fn a_worker_that_starts_while_redis_is_down_works() {
    let rig = Rig::start(Sandbox::with_outages().await).await;
    rig.like_all().await;
    let redis = rig.deployment.sandbox().redis_proxy();
    redis.hang();
    let worker = rig.worker().await;
    rig.liked(1, SOON).await;
    assert_eq!(count(&worker, "worker_partitions_held").await, 0);
    redis.restore();
    eventually(SHARING, async || shares(&[&worker]).await == [8]).await;
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_leaves_everything_to_the_others_at_once() {
    let rig = Rig::start(Sandbox::create().await).await;
    let [mut leaving, staying] = rig.two_workers().await;
    rig.like_all().await;
    leaving.process.terminate();
    let status = leaving.process.wait_exit(SOON).await;
    assert_eq!(status.code(), Some(0));
    let holders: BTreeSet<_> = rig.holders().await.into_values().collect();
    assert_eq!(holders.len(), 1, "leases are released, not left to run out");
    eventually(SHARING, async || shares(&[&staying]).await == [8]).await;
    rig.like_all().await;
    rig.liked(2, SOON).await;
}

#[tokio::test]
async fn while_posts_is_down_its_partitions_pause_and_nothing_is_given_up() {
    let mut rig = Rig::start(Sandbox::create().await).await;
    rig.like_all().await;
    rig.posts_service.process.kill();
    let worker = rig.worker().await;
    eventually(SOON, async || count(&worker, "bus_paused").await == 8).await;
    rig.posts_service.restart().await;
    rig.liked(1, SOON).await;
    assert_eq!(count(&worker, "bus_dead_letters_total").await, 0);
    let seen = rig
        .author
        .get(&format!("/api/posts/{}", rig.posts[0]))
        .await;
    assert_eq!(seen.expect(200)["likes_count"], Value::from(1));
}

#[tokio::test]
async fn what_a_worker_does_is_measured() {
    let rig = Rig::start(Sandbox::create().await).await;
    let worker = rig.worker().await;
    rig.like_all().await;
    rig.liked(1, SOON).await;
    let done = PARTITIONS as u64;
    for (name, wanted) in [
        ("bus_batch_jobs_count", done),
        ("bus_batch_jobs_sum", done),
        ("bus_batch_duration_seconds_count", done),
        ("bus_job_lag_seconds_count", done),
        ("bus_queue_messages", 0),
        // The author has posted once.
        ("feed_update_lag_seconds_count", 1),
    ] {
        eventually(SOON, async || count(&worker, name).await == wanted).await;
    }
    let metrics = worker.operator().get("/metrics").await.text();
    for queue in LIKES.partitions {
        let settled = format!("bus_settled_total{{queue=\"{queue}\"}} 1");
        assert!(metrics.contains(&settled), "{settled}: {metrics}");
    }
    for stranger in [&rig.author.id, &rig.author.username, &rig.posts[0]] {
        assert!(
            !metrics.contains(stranger.as_str()),
            "{stranger}: {metrics}"
        );
    }
}

#[tokio::test]
async fn a_worker_without_a_broker_waits_for_it() {
    let rig = Rig::start(Sandbox::with_outages().await).await;
    rig.like_all().await;
    let amqp = rig.deployment.sandbox().amqp_proxy();
    amqp.cut();
    let mut worker = rig.worker().await;
    let dependencies =
        async || worker.operator().get("/readyz").await.expect(200)["dependencies"].clone();
    let broker_down = serde_json::json!({ "rabbitmq": "down", "redis": "up" });
    eventually(SOON, async || dependencies().await == broker_down).await;
    amqp.restore();
    rig.liked(1, SOON).await;
    worker.process.terminate();
    assert_eq!(worker.process.wait_exit(SOON).await.code(), Some(0));
}
