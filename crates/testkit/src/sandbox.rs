use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use mongodb::{Client, Database};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use tokio::sync::OnceCell;

use crate::{
    ChaosProxy, OwnServers,
    address::{host_of, with_host, with_option, with_path},
    explain,
    vhost::Vhost,
};

/// Counters that concurrent test processes share, in Redis database 0.
const NEXT_DATABASE: &str = "testkit:database";
const NEXT_PORT: &str = "testkit:port";

/// Below the range the kernel takes ports for outgoing connections from.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// How long tidying up may take.
const TIDYING: Duration = Duration::from_secs(10);

/// An empty MongoDB database, an empty Redis database and a virtual host of
/// RabbitMQ with empty queues that nobody else uses; the databases are emptied
/// again at the end, also after a panic.
///
/// A test fails at the end if services asked MongoDB anything in its sandbox
/// that no index answers.
pub struct Sandbox {
    mongodb_uri: String,
    mongodb_proxy: Option<ChaosProxy>,
    redis_url: String,
    redis_proxy: Option<ChaosProxy>,
    /// Taken by the first who asks: many tests never do.
    vhost: OnceCell<Vhost>,
    amqp_proxy: Option<ChaosProxy>,
    command_log: PathBuf,
    database: Database,
    redis: MultiplexedConnection,
}

impl Sandbox {
    /// Databases reached directly.
    pub async fn create() -> Self {
        Self::at(Servers::from_environment()).await
    }

    /// The databases of servers that the test has alone; to be dropped before them.
    pub async fn on(own: &OwnServers) -> Self {
        let servers = Servers {
            mongodb: own.mongodb_uri().to_owned(),
            redis: own.redis_url().to_owned(),
        };
        let sandbox = Self::at(servers).await;
        let brokers = [own.amqp_url().to_owned()];
        let vhost = || Vhost::take_one_of(&brokers);
        sandbox.vhost.get_or_init(vhost).await;
        sandbox
    }

    async fn at(servers: Servers) -> Self {
        let database = Client::with_uri_str(&servers.mongodb)
            .await
            .expect("MONGODB_URI is an address")
            .database(&format!("t_{}", uuid::Uuid::now_v7().simple()));
        let redis_url = servers.own_redis_database().await;
        let redis = connect(&redis_url).await;
        Self {
            mongodb_uri: servers.mongodb,
            mongodb_proxy: None,
            redis_url,
            redis_proxy: None,
            vhost: OnceCell::new(),
            amqp_proxy: None,
            command_log: folder().join(format!("{}.commands", database.name())),
            database,
            redis,
        }
    }

    /// Servers behind proxies, for tests of outages. What the test itself
    /// asks through [`Sandbox::mongodb`] and [`Sandbox::redis`] goes past them.
    pub async fn with_outages() -> Self {
        let mut sandbox = Self::create().await;
        sandbox.mongodb_proxy = Some(ChaosProxy::start(host_of(&sandbox.mongodb_uri)));
        sandbox.redis_proxy = Some(ChaosProxy::start(host_of(&sandbox.redis_url)));
        sandbox.amqp_proxy = Some(ChaosProxy::start(host_of(&amqp_server())));
        sandbox
    }

    /// What services take as `MONGODB_URI`.
    #[must_use]
    pub fn mongodb_uri(&self) -> String {
        match &self.mongodb_proxy {
            Some(proxy) => {
                let uri = with_host(&self.mongodb_uri, &proxy.address().to_string());
                // Discovery would find the way past the proxy.
                with_option(&uri, "directConnection=true")
            }
            None => self.mongodb_uri.clone(),
        }
    }

    /// What services take as `MONGODB_DATABASE`.
    #[must_use]
    pub fn mongodb_database(&self) -> &str {
        self.database.name()
    }

    /// What services take as `REDIS_URL`.
    #[must_use]
    pub fn redis_url(&self) -> String {
        match &self.redis_proxy {
            Some(proxy) => with_host(&self.redis_url, &proxy.address().to_string()),
            None => self.redis_url.clone(),
        }
    }

    /// The way to Redis past the proxy, for whoever an outage must not concern.
    #[must_use]
    pub fn direct_redis_url(&self) -> &str {
        &self.redis_url
    }

    /// What services take as `AMQP_URL`.
    pub async fn amqp_url(&self) -> String {
        let url = self.direct_amqp_url().await;
        match &self.amqp_proxy {
            Some(proxy) => with_host(url, &proxy.address().to_string()),
            None => url.to_owned(),
        }
    }

    /// The way to RabbitMQ past the proxy.
    pub async fn direct_amqp_url(&self) -> &str {
        let vhost = self.vhost.get_or_init(|| Vhost::take(amqp_server()));
        vhost.await.url()
    }

    /// The database, for looking at documents and planting them.
    #[must_use]
    pub fn mongodb(&self) -> &Database {
        &self.database
    }

    /// The Redis database, for looking at keys.
    #[must_use]
    pub fn redis(&self) -> MultiplexedConnection {
        self.redis.clone()
    }

    /// What services take as `MONGODB_COMMAND_LOG`.
    #[must_use]
    pub fn command_log(&self) -> &Path {
        &self.command_log
    }

    /// Makes Redis lose its memory.
    pub async fn flush_redis(&self) {
        redis::cmd("FLUSHDB")
            .exec_async(&mut self.redis())
            .await
            .expect("FLUSHDB");
    }

    /// The way to MongoDB; panics without [`Sandbox::with_outages`].
    #[must_use]
    pub fn mongodb_proxy(&self) -> &ChaosProxy {
        self.mongodb_proxy.as_ref().expect("a sandbox with outages")
    }

    /// The way to Redis; panics without [`Sandbox::with_outages`].
    #[must_use]
    pub fn redis_proxy(&self) -> &ChaosProxy {
        self.redis_proxy.as_ref().expect("a sandbox with outages")
    }

    /// The way to RabbitMQ; panics without [`Sandbox::with_outages`].
    #[must_use]
    pub fn amqp_proxy(&self) -> &ChaosProxy {
        self.amqp_proxy.as_ref().expect("a sandbox with outages")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let (uri, name) = (self.mongodb_uri.clone(), self.database.name().to_owned());
        let (redis_url, command_log) = (self.redis_url.clone(), self.command_log.clone());
        // The test's own runtime cannot be waited for here; a panic may have stopped it.
        let tidying = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let tidy = async {
                let client = Client::with_uri_str(&uri).await?;
                let mut shared = connect(&Servers::from_environment().redis).await;
                let faults = explain::faults(&command_log, &client, &mut shared).await;
                client.database(&name).drop().await?;
                let _: () = redis::cmd("FLUSHDB")
                    .query_async(&mut connect(&redis_url).await)
                    .await
                    .expect("FLUSHDB");
                mongodb::error::Result::Ok(faults)
            };
            let tidied = runtime.block_on(async { tokio::time::timeout(TIDYING, tidy).await });
            let _ = fs::remove_file(&command_log);
            // What is left over after an outage at the end goes with the servers.
            tidied.map(Result::unwrap_or_default).unwrap_or_default()
        });
        let tidied = tidying.join();
        if let Some(vhost) = self.vhost.take() {
            vhost.release();
        }
        if !thread::panicking() {
            let faults = tidied.expect("the end of a sandbox");
            assert!(
                faults.is_empty(),
                "MongoDB has no index for what services asked it here:\n{}",
                faults.join("\n")
            );
        }
    }
}

/// For files that tests share, and those that outlive none of them.
pub(crate) fn folder() -> PathBuf {
    let folder = env::temp_dir().join("anufy-testkit");
    fs::create_dir_all(&folder).expect("a folder for the files of tests");
    folder
}

/// A port that no other test asks for and nobody listens on, for a process
/// that cannot be told to choose one and say which.
pub async fn reserve_port() -> u16 {
    let mut redis = connect(&Servers::from_environment().redis).await;
    // Another run of the tests on this machine has a counter of its own: begin elsewhere.
    let start = uuid::Uuid::new_v4().as_u64_pair().0 % u64::from(u32::MAX);
    let _: bool = redis.set_nx(NEXT_PORT, start).await.expect("SET NX");
    loop {
        let n: u64 = redis.incr(NEXT_PORT, 1).await.expect("INCR");
        let port = PORTS.start + u16::try_from(n % u64::from(PORTS.end - PORTS.start)).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    redis::Client::open(url)
        .expect("REDIS_URL is an address")
        .get_multiplexed_async_connection()
        .await
        .expect("a connection to Redis")
}

fn amqp_server() -> String {
    address_in("AMQP_URL")
}

fn address_in(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run the tests with `make test`, or name servers to use")
    })
}

struct Servers {
    mongodb: String,
    redis: String,
}

impl Servers {
    fn from_environment() -> Self {
        Self {
            mongodb: address_in("MONGODB_URI"),
            redis: address_in("REDIS_URL"),
        }
    }

    /// The address of a Redis database of the caller's own, emptied. Database
    /// 0 is not among them: it has the counters.
    async fn own_redis_database(&self) -> String {
        let mut redis = connect(&self.redis).await;
        let (_, count): (String, u64) = redis::cmd("CONFIG")
            .arg(&["GET", "databases"])
            .query_async(&mut redis)
            .await
            .expect("CONFIG GET databases");
        let n: u64 = redis.incr(NEXT_DATABASE, 1).await.expect("INCR");
        let url = with_path(&self.redis, &(1 + n % (count - 1)).to_string());
        redis::cmd("FLUSHDB")
            .exec_async(&mut connect(&url).await)
            .await
            .expect("FLUSHDB");
        url
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[tokio::test]
    async fn sandboxes_are_empty_apart_and_gone_afterwards() {
        let (one, two) = (Sandbox::create().await, Sandbox::with_outages().await);
        one.mongodb()
            .collection("c")
            .insert_one(doc! { "x": 1 })
            .await
            .unwrap();
        let _: () = one.redis().set("k", 1).await.unwrap();

        let through_the_proxy = Client::with_uri_str(two.mongodb_uri()).await.unwrap();
        let seen = through_the_proxy
            .database(two.mongodb_database())
            .list_collection_names()
            .await;
        assert_eq!(seen.unwrap(), Vec::<String>::new());
        let seen: Option<i32> = connect(&two.redis_url()).await.get("k").await.unwrap();
        assert_eq!(seen, None);

        let gone = one.mongodb_database().to_owned();
        drop(one);
        let left = two.mongodb().client().list_database_names().await.unwrap();
        assert!(!left.contains(&gone));
    }

    #[tokio::test]
    async fn each_has_a_virtual_host_of_its_own() {
        let (one, two) = (Sandbox::create().await, Sandbox::with_outages().await);
        assert_eq!(one.amqp_url().await, one.amqp_url().await);
        assert_ne!(one.direct_amqp_url().await, two.direct_amqp_url().await);
        two.amqp_proxy().cut();
        bus::declare_topology(&one.amqp_url().await).await.unwrap();
        let refused = bus::declare_topology(&two.amqp_url().await).await;
        assert!(refused.is_err());
    }

    #[tokio::test]
    async fn reserved_ports_differ() {
        assert_ne!(reserve_port().await, reserve_port().await);
    }
}
