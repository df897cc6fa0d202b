use std::time::Duration;

use contracts::topology::PARTITIONS;
use mongodb::{Database, bson::oid::ObjectId};
use testkit::{
    Client, Deployment, Hold, Metrics, Moment, OwnServers, Sandbox, Service, User, Wiretap,
    eventually,
};

/// Long enough for leases to move and for workers to come to terms.
const SETTLING: Duration = Duration::from_secs(30);
/// Everybody likes the same few posts, so that everybody is in everybody's way.
const CAPTIONS: [&str; 5] = ["viral", "hot", "hot too", "warm", "lukewarm"];

const SETTINGS: [(&str, &str); 3] = [
    // A line a request would be most of what this run does.
    ("log", "warn"),
    // All of them share the cores of one machine: being slow is not being down.
    ("auth-timeout", "10s"),
    ("redis-timeout", "5s"),
];

/// Two gateways, two posts, three workers and auth, each a process, on servers
/// of their own.
pub(super) struct Rig {
    pub(super) gateways: [Service; 2],
    pub(super) posts: [Replica; 2],
    pub(super) workers: [Service; 3],
    _auth: Service,
    deployment: Deployment,
    pub(super) servers: OwnServers,
}

/// A posts that can be stopped in the middle of a transaction.
pub(super) struct Replica {
    pub(super) service: Service,
    mongodb: Wiretap,
}

impl Rig {
    pub(super) async fn start() -> Self {
        let servers = OwnServers::start().await;
        let mut deployment = Deployment::new(Sandbox::on(&servers).await).await;
        for (name, value) in SETTINGS {
            deployment.set(name, value);
        }
        deployment.migrate().await;
        let auth = deployment.start_auth().await;
        let posts = [
            Replica::start(&mut deployment, &auth).await,
            Replica::start(&mut deployment, &auth).await,
        ];
        let [one, two] = posts.each_ref().map(|replica| &replica.service);
        let worker = async |posts| deployment.start_worker(&[posts]).await;
        let workers = tokio::join!(worker(one), worker(two), worker(one));
        let services = [&auth, one, two];
        let gateways = tokio::join!(
            deployment.start_gateway(&services),
            deployment.start_gateway(&services),
        );
        Self {
            gateways: gateways.into(),
            posts,
            workers: workers.into(),
            _auth: auth,
            deployment,
            servers,
        }
    }

    /// Those who can ask each service how it is.
    pub(super) fn operators(&self) -> Vec<Client> {
        let posts = self.posts.iter().map(|replica| &replica.service);
        let services = posts.chain(&self.workers);
        services.map(Service::operator).collect()
    }

    pub(super) fn doors(&self) -> [Client; 2] {
        self.gateways.each_ref().map(Service::client)
    }

    pub(super) fn mongodb(&self) -> &Database {
        self.deployment.sandbox().mongodb()
    }

    /// Stops whichever posts first comes to the next step called `name`.
    pub(super) fn hold(&self, moment: Moment, name: &str) -> [Hold; 2] {
        let posts = self.posts.each_ref();
        posts.map(|replica| replica.mongodb.hold(moment, name, 1))
    }

    /// Makes Redis forget everything.
    pub(super) async fn flush_redis(&self) {
        let url = self.deployment.sandbox().redis_url();
        let client = redis::Client::open(url).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap();
    }

    /// `size` people, and the ids of the posts that they are going to like.
    pub(super) async fn people_and_posts(&self, size: usize) -> (Vec<User>, Vec<ObjectId>) {
        let author = User::register(&self.gateways[0].client(), "star").await;
        let mut posts = Vec::new();
        for caption in CAPTIONS {
            let post = author.publish(caption).await;
            posts.push(post["_id"].as_str().unwrap().parse().unwrap());
        }
        (self.deployment.crowd(&author, size).await, posts)
    }

    /// Waits until those workers that are not `frozen` hold every partition, each no
    /// more than its share.
    pub(super) async fn partitions_are_held(&self, frozen: Option<usize>) {
        let awake = self.workers.iter().enumerate();
        let awake = awake.filter(|(at, _)| Some(*at) != frozen);
        let operators: Vec<_> = awake.map(|(_, worker)| worker.operator()).collect();
        let share = PARTITIONS.div_ceil(operators.len());
        eventually(SETTLING, async || {
            let mut held = Vec::new();
            for operator in &operators {
                if let Some(metrics) = Metrics::of(operator).await {
                    let count = metrics.sum("worker_partitions_held", |_| true);
                    held.push(usize::try_from(count).unwrap());
                }
            }
            let is_fair = held.iter().all(|held| *held <= share);
            is_fair && held.iter().sum::<usize>() == PARTITIONS
        })
        .await;
    }
}

impl Replica {
    async fn start(deployment: &mut Deployment, auth: &Service) -> Self {
        let direct = deployment.sandbox().mongodb_uri();
        let mongodb = Wiretap::mongodb(&direct).await;
        deployment.set("mongodb-uri", mongodb.url());
        let service = deployment.start_posts(auth).await;
        deployment.set("mongodb-uri", direct);
        Self { service, mongodb }
    }
}
