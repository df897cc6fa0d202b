use std::time::Duration;

use redis::Script;

use crate::{Cache, CacheError, keys};

/// How long a member that is not heard of keeps what it holds. Members should
/// renew several times in that.
pub const LEASE_LIFE: Duration = Duration::from_secs(5);

/// What a member of a group is to do about the parts that the group shares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Its own: nobody else's while it renews.
    pub keep: Vec<&'static str>,
    /// Too many: still its own until it has finished with them and released them.
    pub hand_over: Vec<&'static str>,
}

/// One member's view of parts that a group shares by leases: each part is held
/// by one member, and no member holds more than one part more than another.
///
/// Members announce themselves when they renew, by the clock of Redis. The
/// larger shares go to those who hold most, so that as little as possible
/// changes hands. A part whose holder is not heard of any more is free.
///
/// A lease is a promise among those who keep it, no lock: a member that was
/// stopped for longer than a lease lives learns of it at its next renewal.
#[derive(Clone, Debug)]
pub struct Shares {
    cache: Cache,
    group: &'static str,
    parts: Vec<&'static str>,
    member: String,
}

impl Shares {
    /// A new member of `group`, which shares `parts`. It holds nothing yet.
    #[must_use]
    pub fn new(cache: Cache, group: &'static str, parts: &[&'static str]) -> Self {
        Self {
            cache,
            group,
            parts: parts.to_vec(),
            member: format!("{:016x}", rand::random::<u64>()),
        }
    }

    /// Renews the leases of this member, takes free parts up to its share, and
    /// tells what it holds now.
    ///
    /// `held` is what it last knew to be its own. When Redis has forgotten the
    /// group, everybody first gets that back, and what is nobody's is shared
    /// out a lease's life later: else the first who renews would take it all.
    pub async fn renew(&self, held: &[&'static str]) -> Result<Assignment, CacheError> {
        let script = Script::new(RENEW);
        let mut call = script.key(keys::lease_members(self.group));
        call.key(keys::lease_holders(self.group))
            .key(keys::lease_forming(self.group))
            .arg(&self.member)
            .arg(u64::try_from(LEASE_LIFE.as_millis()).unwrap_or(u64::MAX))
            .arg(self.parts.len())
            .arg(&self.parts)
            .arg(held);
        let (keep, hand_over): (Vec<usize>, Vec<usize>) =
            call.invoke_async(&mut self.cache.shared()).await?;
        Ok(Assignment {
            keep: self.named(&keep),
            hand_over: self.named(&hand_over),
        })
    }

    /// Lets go of `part`, if it is this member's.
    pub async fn release(&self, part: &'static str) -> Result<(), CacheError> {
        let script = Script::new(RELEASE);
        let mut call = script.key(keys::lease_holders(self.group));
        let call = call.arg(&self.member).arg(part);
        Ok(call.invoke_async(&mut self.cache.shared()).await?)
    }

    /// Leaves the group and lets go of everything.
    pub async fn leave(&self) -> Result<(), CacheError> {
        let script = Script::new(LEAVE);
        let mut call = script.key(keys::lease_members(self.group));
        let call = call
            .key(keys::lease_holders(self.group))
            .arg(&self.member)
            .arg(&self.parts);
        Ok(call.invoke_async(&mut self.cache.shared()).await?)
    }

    /// The parts at these positions, counted from 1.
    fn named(&self, positions: &[usize]) -> Vec<&'static str> {
        let parts = positions.iter().filter_map(|at| self.parts.get(at - 1));
        parts.copied().collect()
    }
}

/// KEYS: members (a sorted set, until when each is alive in ms), holders (a
/// hash of parts), forming. ARGV: member, life in ms, number of parts, the
/// parts, those that the member held. Returns positions of parts, from 1.
const RENEW: &str = r"
local members, holders, forming = unpack(KEYS)
local me, life, count = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local held_before = {}
for i = 4 + count, #ARGV do held_before[ARGV[i]] = true end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', members, '-inf', now)
if redis.call('ZCARD', members) == 0 and next(held_before) then
  redis.call('SET', forming, 1, 'PX', life)
end
local is_forming = redis.call('EXISTS', forming) == 1
redis.call('ZADD', members, now + life, me)

local ranking, held = redis.call('ZRANGE', members, 0, -1), {}
for _, member in ipairs(ranking) do held[member] = 0 end
local mine, free = {}, {}
for i = 1, count do
  local holder = redis.call('HGET', holders, ARGV[3 + i])
  if holder and held[holder] then
    held[holder] = held[holder] + 1
    if holder == me then table.insert(mine, i) end
  else
    table.insert(free, i)
  end
end

table.sort(ranking, function(a, b)
  if held[a] ~= held[b] then return held[a] > held[b] end
  return a < b
end)
local share = math.floor(count / #ranking)
for rank, member in ipairs(ranking) do
  if member == me and rank <= count % #ranking then share = share + 1 end
end

local function take(wanted)
  for _, i in ipairs(free) do
    local part = ARGV[3 + i]
    if #mine < share and (held_before[part] or false) == wanted then
      redis.call('HSET', holders, part, me)
      table.insert(mine, i)
    end
  end
end
take(true)
if not is_forming then take(false) end

local keep, hand_over = {}, {}
for at, i in ipairs(mine) do table.insert(at <= share and keep or hand_over, i) end
return {keep, hand_over}
";

/// KEYS: holders. ARGV: member, part.
const RELEASE: &str = r"
if redis.call('HGET', KEYS[1], ARGV[2]) == ARGV[1] then redis.call('HDEL', KEYS[1], ARGV[2]) end
";

/// KEYS: members, holders. ARGV: member, the parts.
const LEAVE: &str = r"
redis.call('ZREM', KEYS[1], ARGV[1])
for i = 2, #ARGV do
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[1] then redis.call('HDEL', KEYS[2], ARGV[i]) end
end
";
