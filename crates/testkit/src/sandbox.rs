use std::{env, net::TcpListener, time::Duration};

use mongodb::{Client, Database};
use redis::{AsyncCommands, aio::MultiplexedConnection};

use crate::ChaosProxy;

/// Counters that concurrent test processes share, in Redis database 0.
const NEXT_DATABASE: &str = "testkit:database";
const NEXT_PORT: &str = "testkit:port";

/// Below the range the kernel takes ports for outgoing connections from.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// How long tidying up may take.
const TIDYING: Duration = Duration::from_secs(10);

/// An empty MongoDB database and an empty Redis database that nobody else
/// uses; both are emptied again at the end, also after a panic.
pub struct Sandbox {
    mongodb_uri: String,
    mongodb_proxy: Option<ChaosProxy>,
    redis_url: String,
    redis_proxy: Option<ChaosProxy>,
    database: Database,
    redis: MultiplexedConnection,
}

impl Sandbox {
    /// Databases reached directly.
    pub async fn create() -> Self {
        let servers = Servers::from_environment();
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
            database,
            redis,
        }
    }

    /// Databases behind proxies, for tests of outages. What the test itself
    /// asks through [`Sandbox::mongodb`] and [`Sandbox::redis`] goes past them.
    pub async fn with_outages() -> Self {
        let mut sandbox = Self::create().await;
        sandbox.mongodb_proxy = Some(ChaosProxy::start(host_of(&sandbox.mongodb_uri)));
        sandbox.redis_proxy = Some(ChaosProxy::start(host_of(&sandbox.redis_url)));
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
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let (uri, name) = (self.mongodb_uri.clone(), self.database.name().to_owned());
        let redis_url = self.redis_url.clone();
        // The test's own runtime cannot be waited for here; a panic may have stopped it.
        let tidying = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let tidy = async {
                let client = Client::with_uri_str(&uri).await?;
                client.database(&name).drop().await?;
                let _: () = redis::cmd("FLUSHDB")
                    .query_async(&mut connect(&redis_url).await)
                    .await
                    .expect("FLUSHDB");
                mongodb::error::Result::Ok(())
            };
            // What is left over after an outage at the end goes with the servers.
            let _ = runtime.block_on(async { tokio::time::timeout(TIDYING, tidy).await });
        });
        let _ = tidying.join();
    }
}

/// A port that no other test asks for and nobody listens on, for a process
/// that cannot be told to choose one and say which.
pub async fn reserve_port() -> u16 {
    let mut redis = connect(&Servers::from_environment().redis).await;
    loop {
        let n: u64 = redis.incr(NEXT_PORT, 1).await.expect("INCR");
        let port = PORTS.start + u16::try_from(n % u64::from(PORTS.end - PORTS.start)).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

async fn connect(url: &str) -> MultiplexedConnection {
    redis::Client::open(url)
        .expect("REDIS_URL is an address")
        .get_multiplexed_async_connection()
        .await
        .expect("a connection to Redis")
}

struct Servers {
    mongodb: String,
    redis: String,
}

impl Servers {
    fn from_environment() -> Self {
        let address = |name| {
            env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: run the tests with `make test`, or name servers to use")
            })
        };
        Self {
            mongodb: address("MONGODB_URI"),
            redis: address("REDIS_URL"),
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

/// Splits `scheme://user:password@host:port/path?query` around its (first) host.
fn split(url: &str) -> (&str, &str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?'])
        .map_or(url.len(), |at| start + at);
    let start = url[start..end]
        .rfind('@')
        .map_or(start, |at| start + at + 1);
    (&url[..start], &url[start..end], &url[end..])
}

fn host_of(url: &str) -> String {
    let (_, hosts, _) = split(url);
    hosts.split(',').next().unwrap_or(hosts).to_owned()
}

fn with_host(url: &str, host: &str) -> String {
    let (before, _, after) = split(url);
    format!("{before}{host}{after}")
}

fn with_path(url: &str, path: &str) -> String {
    let (before, host, after) = split(url);
    let query = after.find('?').map_or("", |at| &after[at..]);
    format!("{before}{host}/{path}{query}")
}

fn with_option(uri: &str, option: &str) -> String {
    let (_, _, after) = split(uri);
    let separator = match after {
        _ if after.contains(option) => return uri.to_owned(),
        "" => "/?",
        _ if after.contains('?') => "&",
        _ => "?",
    };
    format!("{uri}{separator}{option}")
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn addresses_are_rewritten_part_by_part() {
        let uri = "mongodb://ana:p%40ss@a:1,b:2/?replicaSet=rs0";
        assert_eq!(host_of(uri), "a:1");
        assert_eq!(
            with_option(&with_host(uri, "c:3"), "directConnection=true"),
            "mongodb://ana:p%40ss@c:3/?replicaSet=rs0&directConnection=true"
        );
        assert_eq!(with_option("mongodb://a:1", "x=1"), "mongodb://a:1/?x=1");
        assert_eq!(
            with_option("mongodb://a:1/?x=1", "x=1"),
            "mongodb://a:1/?x=1"
        );
        assert_eq!(
            with_path("redis://:p@a:1/0?protocol=resp3", "7"),
            "redis://:p@a:1/7?protocol=resp3"
        );
        assert_eq!(with_path("redis://a:1", "7"), "redis://a:1/7");
    }

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
    async fn reserved_ports_differ() {
        assert_ne!(reserve_port().await, reserve_port().await);
    }
}
