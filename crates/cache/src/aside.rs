use std::{sync::LazyLock, time::Duration};

use redis::{Script, Value};

use crate::{Cache, CacheError, Epoch};

/// How long whoever got a lease may take to find the value. Nobody else keeps
/// what they find meanwhile.
const LEASE_LIFE: Duration = Duration::from_secs(3);

/// Keys of one call: Redis does nothing else meanwhile, a millisecond at most.
const BATCH: usize = 1_000;

/// Values kept aside of where they belong, read before the truth is asked.
///
/// A miss comes with a lease, and only who holds it may store what they find.
/// [`forget`] ends leases: what was read before a change is never stored after
/// it (Nishtala et al., *Scaling Memcache at Facebook*, NSDI 2013). Values and
/// leases carry the [`Epoch`]; those of another one are not there.
#[derive(Clone, Debug)]
pub struct Aside {
    cache: Cache,
}

/// What is kept under a key.
#[derive(Debug)]
pub enum Found {
    /// The value.
    Hit(Vec<u8>),
    /// Nothing. `None`: somebody else is about to fill it, or there is no Redis.
    Miss(Option<Lease>),
}

/// The right to fill a key, for a few seconds, unless it is forgotten before.
#[derive(Debug)]
pub struct Lease {
    key: String,
    epoch: Epoch,
    token: u64,
}

impl Aside {
    /// Values in `cache`.
    #[must_use]
    pub fn new(cache: &Cache) -> Self {
        Self {
            cache: cache.clone(),
        }
    }

    /// What is kept under each of `keys`, in their order. Never fails: without
    /// Redis nothing is there.
    pub async fn read(&self, keys: &[String]) -> Vec<Found> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            found.extend(self.read_batch(keys).await);
        }
        count(keys, &found);
        found
    }

    async fn read_batch(&self, keys: &[String]) -> Vec<Found> {
        let Some(epoch) = self.cache.epoch() else {
            return absent(keys);
        };
        let token = rand::random();
        let mut call = READ.prepare_invoke();
        call.arg(value_prefix(epoch).as_slice())
            .arg(lease_text(epoch, token).as_slice())
            .arg(millis(LEASE_LIFE));
        for key in keys {
            call.key(key);
        }
        let mut connection = self.cache.shared();
        match call.invoke_async::<Vec<Value>>(&mut connection).await {
            Ok(values) => {
                let found = keys.iter().zip(values).map(|(key, value)| match value {
                    Value::BulkString(mut kept) => {
                        kept.drain(..PREFIX);
                        Found::Hit(kept)
                    }
                    Value::Int(1) => Found::Miss(Some(Lease {
                        key: key.clone(),
                        epoch,
                        token,
                    })),
                    _ => Found::Miss(None),
                });
                found.collect()
            }
            Err(error) => {
                tracing::debug!(%error, "nothing was read from redis");
                absent(keys)
            }
        }
    }

    /// Stores what was found for leases, each for so long, as far as they still
    /// hold. Never fails: what is not stored is looked for again.
    pub async fn fill(&self, values: &[(Lease, Vec<u8>, Duration)]) {
        for values in values.chunks(BATCH) {
            let mut call = FILL.prepare_invoke();
            for (lease, value, life) in values {
                let kept = [value_prefix(lease.epoch).as_slice(), value].concat();
                call.key(&lease.key)
                    .arg(lease_text(lease.epoch, lease.token).as_slice())
                    .arg(kept)
                    .arg(millis(*life));
            }
            let filled = call.invoke_async::<()>(&mut self.cache.shared()).await;
            if let Err(error) = filled {
                tracing::debug!(%error, "values were not kept in redis");
                break;
            }
        }
    }
}

/// Forgets what is kept under `keys`, and whoever is about to fill one of them
/// will not. To be called after the change of what they say.
pub async fn forget(cache: &Cache, keys: &[String]) -> Result<(), CacheError> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut connection = cache.shared();
    Ok(redis::cmd("UNLINK")
        .arg(keys)
        .query_async(&mut connection)
        .await?)
}

fn absent(keys: &[String]) -> Vec<Found> {
    keys.iter().map(|_| Found::Miss(None)).collect()
}

/// Length of what a kept value begins with: a letter and the epoch.
const PREFIX: usize = 9;

fn value_prefix(epoch: Epoch) -> Vec<u8> {
    [b"v".as_slice(), &epoch.to_bytes()].concat()
}

fn lease_text(epoch: Epoch, token: u64) -> Vec<u8> {
    [b"l".as_slice(), &epoch.to_bytes(), &token.to_be_bytes()].concat()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// By the kind of the keys, which is their first word.
fn count(keys: &[String], found: &[Found]) {
    let kind = |key: &str| key.split(':').next().unwrap_or_default().to_owned();
    let outcome = |found: &Found| match found {
        Found::Hit(_) => "hit",
        Found::Miss(Some(_)) => "miss",
        Found::Miss(None) => "unavailable",
    };
    let reads: Vec<_> = keys
        .iter()
        .zip(found)
        .map(|(key, found)| (kind(key), outcome(found)))
        .collect();
    for run in reads.chunk_by(|a, b| a == b) {
        if let Some((kind, outcome)) = run.first() {
            let reads = u64::try_from(run.len()).unwrap_or(u64::MAX);
            metrics::counter!("cache_reads_total", "kind" => kind.clone(), "outcome" => *outcome)
                .increment(reads);
        }
    }
}

/// ARGV: what values of this epoch begin with, the caller's lease, its life in
/// ms. Returns for each key its value, 1 (the lease is the caller's) or 0
/// (somebody else's).
static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local value, lease, life = unpack(ARGV)
local mine = string.sub(value, 2)
local found = redis.call('MGET', unpack(KEYS))
for i, key in ipairs(KEYS) do
  local kept = found[i] or ''
  if string.sub(kept, 2, #value) ~= mine then
    redis.call('SET', key, lease, 'PX', life)
    found[i] = 1
  elseif string.sub(kept, 1, 1) ~= 'v' then
    found[i] = 0
  end
end
return found
",
    )
});

/// ARGV, for each key: the lease, the value, its life in ms.
static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
for i, key in ipairs(KEYS) do
  local at = 3 * i
  if redis.call('GET', key) == ARGV[at - 2] then
    redis.call('SET', key, ARGV[at - 1], 'PX', ARGV[at])
  end
end
",
    )
});
