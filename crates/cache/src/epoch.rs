use std::{
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use redis::{ErrorKind, RedisError, RedisWrite, ToRedisArgs};
use sha2::{Digest, Sha256};

/// Which life of the Redis server this is. Redis writes its log to disk every
/// second, so that one that crashed has forgotten the last second: also that
/// something was to be forgotten. Who believes only what carries the epoch of
/// this life is safe from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(NonZeroU64);

impl Epoch {
    /// As it is kept in Redis, ahead of a value.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }

    /// From the answer to `INFO server`, whose `run_id` is another one in each life.
    pub(crate) fn read(info: &str) -> Result<Self, RedisError> {
        let mut lines = info.lines();
        let run_id = lines.find_map(|line| line.strip_prefix("run_id:"));
        let run_id = run_id.ok_or((ErrorKind::UnexpectedReturnType, "no run_id"))?;
        let digest = Sha256::digest(run_id.trim());
        let (bytes, _) = digest.split_at(8);
        let hash = bytes
            .iter()
            .fold(0, |hash, byte| hash << 8 | u64::from(*byte));
        Ok(Self(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MAX)))
    }
}

impl ToRedisArgs for Epoch {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        out.write_arg(&self.to_bytes());
    }
}

/// The epoch as it was last seen; zero stands for none.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenEpoch(Arc<AtomicU64>);

impl SeenEpoch {
    pub(crate) fn get(&self) -> Option<Epoch> {
        NonZeroU64::new(self.0.load(Ordering::Relaxed)).map(Epoch)
    }

    pub(crate) fn set(&self, epoch: Option<Epoch>) {
        let value = epoch.map_or(0, |epoch| epoch.0.get());
        self.0.store(value, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_life_of_redis_has_an_epoch_of_its_own() {
        let read = |run_id| Epoch::read(&format!("# Server\r\nrun_id:{run_id}\r\nport:1\r\n"));
        let epoch = read("a").unwrap();
        assert_eq!(read("a").unwrap(), epoch);
        assert_ne!(read("b").unwrap(), epoch);
        assert!(Epoch::read("# Server\r\nport:1\r\n").is_err());
    }

    #[test]
    fn an_epoch_is_seen_until_there_is_none() {
        let seen = SeenEpoch::default();
        assert_eq!(seen.get(), None);
        let epoch = Epoch::read("run_id:a").unwrap();
        seen.set(Some(epoch));
        assert_eq!(seen.get(), Some(epoch));
        seen.set(None);
        assert_eq!(seen.get(), None);
    }
}
