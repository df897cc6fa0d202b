//! The Redis kit: connections, keys, values kept aside, the revocation list, and
//! leases on the parts of what several processes share.
//!
//! Commands of the hot path share one multiplexed connection for each thread,
//! which pipelines whatever is in flight; taking a pooled connection per command
//! costs a ping and is five times slower, and a connection that another thread's
//! runtime drives costs waking that thread. Work that would hold up the others
//! on that connection (long pipelines) takes one from the pool.
//!
//! Redis is never the only copy of something acknowledged. Every command ends
//! in [`CacheError`] within the response timeout when Redis is gone, and the
//! caller goes on without it.

mod aside;
mod epoch;
pub mod keys;
mod revocations;
mod settings;
mod shares;
mod subscription;

use std::{sync::Arc, time::Duration};

use deadpool_redis::{Pool, PoolConfig, Runtime, Timeouts};
use domain::ErrorKind;
use redis::{
    Client,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use runtime::Readiness;
use secrecy::ExposeSecret;
use thread_local::ThreadLocal;

use epoch::SeenEpoch;

pub use aside::{Aside, Found, Lease, forget};
pub use epoch::Epoch;
pub use redis;
pub use revocations::{LoadMark, RevocationStatus, Revocations};
pub use settings::RedisSettings;
pub use shares::{Assignment, LEASE_LIFE, Shares};
pub use subscription::{Published, Subscription};

/// Redis did not do what was asked, and the caller must do without.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The command failed or timed out.
    #[error("redis command failed")]
    Command(#[from] redis::RedisError),
    /// No pooled connection.
    #[error("no redis connection")]
    Pool(#[from] deadpool_redis::PoolError),
    /// Nothing is heard of Redis any more.
    #[error("redis is silent")]
    Silent,
    /// The pool's settings cannot be used.
    #[error("the redis pool cannot be made")]
    Create(#[from] deadpool_redis::CreatePoolError),
}

impl CacheError {
    /// An outage, unless the command itself is at fault: one that cannot be
    /// sent or read, a script that fails, a key that holds something else.
    /// Those would fail as long as they are tried.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        use redis::{ErrorKind as Redis, ServerErrorKind};

        let Self::Command(error) = self else {
            return ErrorKind::Unavailable;
        };
        let is_defect = match error.kind() {
            Redis::Client | Redis::Parse | Redis::UnexpectedReturnType => true,
            Redis::Extension => error.code() == Some("WRONGTYPE"),
            Redis::Server(ServerErrorKind::ResponseError) => {
                let detail = error.detail().unwrap_or_default();
                detail.contains("script")
            }
            _ => false,
        };
        if is_defect {
            ErrorKind::Internal
        } else {
            ErrorKind::Unavailable
        }
    }
}

/// Connections to Redis. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    client: Client,
    config: ConnectionManagerConfig,
    first: ConnectionManager,
    /// Made by each thread when it first needs one.
    shared: Arc<ThreadLocal<ConnectionManager>>,
    pool: Pool,
    epoch: SeenEpoch,
    timeout: Duration,
}

impl Cache {
    /// Prepares the connections; Redis need not be up yet. Reconnects by
    /// itself, within about a second of Redis coming back.
    pub fn connect(settings: &RedisSettings) -> Result<Self, CacheError> {
        let url = settings.redis_url.expose_secret();
        let client = Client::open(url)?;
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(settings.redis_timeout))
            .set_connection_timeout(Some(settings.redis_timeout))
            // One attempt for each command that needs the connection: a caller
            // waiting through a backoff would be slower than one without Redis.
            .set_number_of_retries(0)
            .set_min_delay(Duration::from_millis(50));
        let mut pool = deadpool_redis::Config::from_url(url);
        pool.pool = Some(PoolConfig {
            max_size: settings.redis_pool_size,
            timeouts: Timeouts {
                wait: Some(settings.redis_timeout),
                create: Some(settings.redis_timeout),
                recycle: Some(settings.redis_timeout),
            },
            ..PoolConfig::default()
        });
        Ok(Self {
            first: ConnectionManager::new_lazy_with_config(client.clone(), config.clone())?,
            client,
            config,
            shared: Arc::default(),
            pool: pool.create_pool(Some(Runtime::Tokio1))?,
            epoch: SeenEpoch::default(),
            timeout: settings.redis_timeout,
        })
    }

    /// The connection that this thread shares, for single commands, scripts and
    /// short pipelines.
    #[must_use]
    pub fn shared(&self) -> ConnectionManager {
        let connect = || {
            let (client, config) = (self.client.clone(), self.config.clone());
            let connection = ConnectionManager::new_lazy_with_config(client, config);
            // What was good enough for the first is not refused later.
            connection.unwrap_or_else(|_refused| self.first.clone())
        };
        self.shared.get_or(connect).clone()
    }

    /// A connection of one's own, for long pipelines.
    pub async fn own(&self) -> Result<deadpool_redis::Connection, CacheError> {
        Ok(self.pool.get().await?)
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<(), CacheError> {
        let mut connection = self.shared();
        Ok(redis::cmd("PING").query_async(&mut connection).await?)
    }

    /// Which life of Redis this is, as [`Cache::watch`] last saw it; `None`
    /// while Redis does not answer.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch.get()
    }

    /// Asks Redis every second, beginning now, which life of it this is, and
    /// notes whether it answers as dependency `redis`. Never ends by itself.
    pub async fn watch(self, readiness: Readiness) {
        loop {
            let epoch = self.ask_epoch().await.ok();
            self.epoch.set(epoch);
            readiness.set_dependency("redis", epoch.is_some());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn ask_epoch(&self) -> Result<Epoch, CacheError> {
        let mut connection = self.shared();
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await?;
        Ok(Epoch::read(&info)?)
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}
