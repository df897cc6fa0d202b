use std::time::Duration;

use domain::SessionId;

use crate::{Cache, CacheError, keys};

/// How long the list counts as current after auth last completed it. A
/// revocation that cannot be written to the list takes effect after this, and
/// that must be within a second.
const CURRENT_FOR: Duration = Duration::from_millis(600);

/// What Redis knows of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationStatus {
    /// Not revoked.
    Alive,
    /// Revoked.
    Revoked,
    /// Not on a list that was complete, but auth has not been able to say so
    /// lately: ask it, and believe the list if it is not there.
    Stale,
    /// Redis has lost its memory: only the owner of the sessions can say.
    Unknown,
}

impl RevocationStatus {
    /// From the replies of `EXISTS`: of the session's key, of
    /// [`keys::REVOCATIONS_LOADED`] and of [`keys::REVOCATIONS_CURRENT`].
    #[must_use]
    pub fn from_exists(is_revoked: bool, is_loaded: bool, is_current: bool) -> Self {
        match (is_revoked, is_loaded, is_current) {
            (true, _, _) => Self::Revoked,
            (false, true, true) => Self::Alive,
            (false, true, false) => Self::Stale,
            (false, false, _) => Self::Unknown,
        }
    }
}

/// The list of revoked sessions in Redis: written by auth, read on every
/// authenticated request.
///
/// MongoDB has the truth. A list that is empty because Redis was flushed must
/// not bring the dead back, so it carries a mark ([`keys::REVOCATIONS_LOADED`])
/// that only a complete load sets. A list that auth could not write to must not
/// keep the dead alive, so it carries a lease ([`keys::REVOCATIONS_CURRENT`])
/// that auth renews as long as nothing is missing.
#[derive(Clone, Debug)]
pub struct Revocations {
    cache: Cache,
}

impl Revocations {
    /// The list in `cache`.
    #[must_use]
    pub fn new(cache: Cache) -> Self {
        Self { cache }
    }

    /// Adds sessions, each for as long as its tokens could still be shown, and
    /// names those that were not there yet on [`keys::SESSIONS_REVOKED`].
    pub async fn add(&self, sessions: &[(SessionId, Duration)]) -> Result<(), CacheError> {
        if sessions.is_empty() {
            return Ok(());
        }
        let script = redis::Script::new(ADD);
        let mut call = script.prepare_invoke();
        call.arg(keys::SESSIONS_REVOKED);
        for (session_id, remaining) in sessions {
            call.key(keys::revoked_session(*session_id))
                .arg(session_id.to_string())
                .arg(remaining.as_secs().max(1));
        }
        let mut connection = self.cache.own().await?;
        Ok(call.invoke_async(&mut connection).await?)
    }

    /// Whether the list is complete.
    pub async fn is_loaded(&self) -> Result<bool, CacheError> {
        let mut connection = self.cache.shared();
        Ok(redis::cmd("EXISTS")
            .arg(keys::REVOCATIONS_LOADED)
            .query_async(&mut connection)
            .await?)
    }

    /// Says for the next moment that nothing is missing from the list.
    pub async fn renew(&self) -> Result<(), CacheError> {
        let mut connection = self.cache.shared();
        Ok(redis::cmd("SET")
            .arg(keys::REVOCATIONS_CURRENT)
            .arg(1)
            .arg("PX")
            .arg(u64::try_from(CURRENT_FOR.as_millis()).unwrap_or(u64::MAX))
            .query_async(&mut connection)
            .await?)
    }

    /// Begins a complete load. What the caller gets back proves at the end that
    /// Redis was not flushed, and no other load begun, in between.
    pub async fn begin_load(&self) -> Result<LoadMark, CacheError> {
        let mut connection = self.cache.shared();
        let mark = LoadMark(rand::random::<u64>().to_string());
        let _: () = redis::cmd("SET")
            .arg(keys::REVOCATIONS_LOADING)
            .arg(&mark.0)
            .query_async(&mut connection)
            .await?;
        Ok(mark)
    }

    /// Marks the list as complete, after the last [`Revocations::add`] of the
    /// load. False: it must be loaded again, unless another load is under way.
    pub async fn finish_load(&self, mark: &LoadMark) -> Result<bool, CacheError> {
        let mut connection = self.cache.shared();
        Ok(redis::Script::new(FINISH_LOAD)
            .key(keys::REVOCATIONS_LOADING)
            .key(keys::REVOCATIONS_LOADED)
            .arg(&mark.0)
            .invoke_async(&mut connection)
            .await?)
    }
}

/// Identifies one load of the list.
#[derive(Debug)]
pub struct LoadMark(String);

const FINISH_LOAD: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], 1)
return 1
";

/// A session is named once however often it is added, so that the passes that
/// complete the list are silent while there is nothing new.
const ADD: &str = r"
local added = {}
for i, key in ipairs(KEYS) do
    if redis.call('SET', key, 1, 'EX', ARGV[2 * i + 1], 'NX') then
        added[#added + 1] = ARGV[2 * i]
    end
end
if #added > 0 then redis.call('PUBLISH', ARGV[1], table.concat(added, ' ')) end
";
