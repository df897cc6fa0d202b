//! Which nodes hold sockets of whom: sets in Redis that are worth something as
//! long as the nodes in them keep their leases.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use cache::{
    Cache, CacheError, keys,
    redis::{self, aio::ConnectionLike},
};
use domain::UserId;
use tokio::{sync::Mutex, time::sleep};
use uuid::Uuid;

use crate::{refusal::Refusal, seats::Seats};

/// How long a node that is not heard of counts as alive.
const LEASE: Duration = Duration::from_secs(5);
/// How long Redis keeps who is where, unless that is said again.
const KEPT: Duration = Duration::from_mins(10);
/// Users in one pipeline.
const BATCH: usize = 500;
/// As many do not hold up others on a shared connection.
const FEW: usize = 50;
/// Between two batches of many.
const PACE: Duration = Duration::from_millis(10);
/// Before what could not be told is told again.
const RETRY: Duration = Duration::from_millis(200);

/// What this node tells of itself, and what it can find out of others.
pub(crate) struct Presence {
    cache: Cache,
    node: String,
    seats: Arc<Seats>,
    /// One at a time tells: of two who do, the one who knows less might be the last.
    turn: Mutex<()>,
}

/// Who is where.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts {
    /// The users that the nodes which are alive hold sockets of.
    pub(crate) nodes: HashMap<String, Vec<UserId>>,
}

impl Whereabouts {
    /// Everybody who is anywhere.
    pub(crate) fn online(&self) -> HashSet<UserId> {
        self.nodes.values().flatten().copied().collect()
    }
}

impl Presence {
    /// A node that nobody has heard of.
    pub(crate) fn new(cache: Cache, seats: Arc<Seats>) -> Self {
        Self {
            cache,
            node: Uuid::new_v4().simple().to_string(),
            seats,
            turn: Mutex::new(()),
        }
    }

    /// What this node is called as long as this process lives.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// Renews the lease. False: it was gone, and what others knew of this node
    /// may be, too.
    pub(crate) async fn renew(&self) -> Result<bool, CacheError> {
        let was: Option<redis::Value> = redis::cmd("SET")
            .arg(keys::node_lease(&self.node))
            .arg(1)
            .arg("PX")
            .arg(LEASE.as_millis())
            .arg("GET")
            .query_async(&mut self.cache.shared())
            .await?;
        Ok(was.is_some())
    }

    /// Ends the lease: from now on nobody counts on this node.
    pub(crate) async fn resign(&self) -> Result<(), CacheError> {
        redis::cmd("DEL")
            .arg(keys::node_lease(&self.node))
            .exec_async(&mut self.cache.shared())
            .await?;
        Ok(())
    }

    /// Returns when others can know that this node holds sockets of a user.
    pub(crate) async fn announce(&self, user_id: UserId) -> Result<(), Refusal> {
        let Some(answer) = self.seats.ask_announcement(user_id) else {
            return Ok(());
        };
        match answer.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Refusal::Unavailable),
        }
    }

    /// Tells who came and who went. Never ends by itself.
    pub(crate) async fn tell_changes(&self) {
        loop {
            self.seats.changed().await;
            loop {
                let changed = self.seats.take_changed(BATCH);
                if changed.is_empty() {
                    break;
                }
                let users: Vec<UserId> = changed.keys().copied().collect();
                let told = self.tell(&users).await;
                let is_told = told.is_ok();
                for waiter in changed.into_values().flatten() {
                    // Whoever has gone does not wait.
                    let _ = waiter.send(is_told);
                }
                if let Err(error) = told {
                    tracing::debug!(%error, "presence not told");
                    self.seats.put_back(users.into_iter());
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Tells all over again who is here.
    pub(crate) async fn tell_all(&self) -> Result<(), CacheError> {
        for batch in self.seats.users().chunks(BATCH) {
            self.tell(batch).await?;
            sleep(PACE).await;
        }
        Ok(())
    }

    async fn tell(&self, users: &[UserId]) -> Result<(), CacheError> {
        let _turn = self.turn.lock().await;
        let are_here = self.seats.are_here(users);
        let mut pipeline = redis::pipe();
        for (user_id, is_here) in users.iter().zip(&are_here) {
            let key = keys::presence(*user_id);
            if *is_here {
                pipeline.cmd("SADD").arg(&key).arg(&self.node).ignore();
                pipeline.cmd("EXPIRE").arg(key).arg(KEPT.as_secs()).ignore();
            } else {
                pipeline.cmd("SREM").arg(key).arg(&self.node).ignore();
            }
        }
        if users.len() <= FEW {
            pipeline.exec_async(&mut self.cache.shared()).await?;
        } else {
            pipeline.exec_async(&mut self.cache.own().await?).await?;
        }
        self.seats.told(users.iter().copied().zip(are_here));
        Ok(())
    }

    /// Where these users are connected.
    pub(crate) async fn find(&self, users: &[UserId]) -> Result<Whereabouts, CacheError> {
        if users.len() <= FEW {
            self.find_over(&mut self.cache.shared(), users).await
        } else {
            self.find_over(&mut self.cache.own().await?, users).await
        }
    }

    async fn find_over(
        &self,
        connection: &mut (impl ConnectionLike + Send),
        users: &[UserId],
    ) -> Result<Whereabouts, CacheError> {
        let mut named: HashMap<String, Vec<UserId>> = HashMap::new();
        for batch in users.chunks(BATCH) {
            let mut pipeline = redis::pipe();
            for user_id in batch {
                pipeline.cmd("SMEMBERS").arg(keys::presence(*user_id));
            }
            let answer: Vec<Vec<String>> = pipeline.query_async(connection).await?;
            for (user_id, nodes) in batch.iter().zip(answer) {
                for node in nodes {
                    named.entry(node).or_default().push(*user_id);
                }
            }
        }
        let mut pipeline = redis::pipe();
        let nodes: Vec<String> = named.keys().cloned().collect();
        for node in &nodes {
            pipeline.cmd("EXISTS").arg(keys::node_lease(node));
        }
        let are_alive: Vec<bool> = if nodes.is_empty() {
            Vec::new()
        } else {
            pipeline.query_async(connection).await?
        };
        for (node, _) in nodes
            .iter()
            .zip(are_alive)
            .filter(|(_, is_alive)| !is_alive)
        {
            let users = named.remove(node).unwrap_or_default();
            self.bury(node, &users, connection).await?;
        }
        Ok(Whereabouts { nodes: named })
    }

    /// Removes a node that has died from where it was seen.
    async fn bury(
        &self,
        node: &str,
        users: &[UserId],
        connection: &mut (impl ConnectionLike + Send),
    ) -> Result<(), CacheError> {
        let script = redis::Script::new(BURY);
        let mut call = script.key(keys::node_lease(node));
        call.arg(node);
        for user_id in users {
            call.key(keys::presence(*user_id));
        }
        Ok(call.invoke_async(connection).await?)
    }
}

/// Looks at the lease once more: a node that was frozen takes it up again before
/// it says again who is there.
const BURY: &str = r"
if redis.call('EXISTS', KEYS[1]) == 1 then return end
for i = 2, #KEYS do redis.call('SREM', KEYS[i], ARGV[1]) end
";
