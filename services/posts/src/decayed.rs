//! Sums of what happened, in which everything counts half as much after each
//! half-life, kept in Redis.
//!
//! Weights grow with the time of what happened instead of fading with its age
//! (forward decay; Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009): what
//! happened at `t` adds 2^(t / half-life). The order of two sums is then the same
//! at any later moment, so that nothing has to be swept. Scores are the
//! logarithms of the sums, which never overflow.

use std::{cmp::Ordering, sync::LazyLock, time::Duration};

use cache::{
    Cache, CacheError, keys,
    redis::{self, Script, ScriptInvocation},
};
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// Members of one call: Redis does nothing else meanwhile.
const BATCH: usize = 500;
/// Seconds that building may take before somebody else begins.
const BUILDING: u64 = 30;
/// Seconds after which what is stored is looked at again.
const BUILT: u64 = 24 * 3600;

static ADD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("decayed/add.lua")));
static RAISE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("decayed/raise.lua")));

/// The logarithm to the base 2 of a sum, never infinite or no number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub(crate) struct Score(f64);

/// A member and its score.
pub(crate) type Scored = (Vec<u8>, Score);

/// The members with the largest sums. What falls out of them begins anew.
#[derive(Clone)]
pub(crate) struct DecayedScores {
    cache: Cache,
    key: &'static str,
    half_life: Duration,
    /// The most members.
    length: usize,
}

impl Score {
    /// That of nothing.
    pub(crate) const LOWEST: Self = Self(f64::MIN);

    /// The score of both sums together.
    pub(crate) fn and(self, other: Self) -> Self {
        let (high, low) = (self.0.max(other.0), self.0.min(other.0));
        Self(high + (low - high).exp2().ln_1p() / std::f64::consts::LN_2)
    }
}

impl Eq for Score {}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Its bits: as a number it would lose some on the way to a client and back.
impl From<Score> for u64 {
    fn from(score: Score) -> Self {
        score.0.to_bits()
    }
}

impl TryFrom<u64> for Score {
    type Error = &'static str;

    fn try_from(bits: u64) -> Result<Self, Self::Error> {
        let score = f64::from_bits(bits);
        if score.is_finite() {
            Ok(Self(score))
        } else {
            Err("not a score")
        }
    }
}

impl DecayedScores {
    pub(crate) fn new(
        cache: &Cache,
        key: &'static str,
        half_life: Duration,
        length: usize,
    ) -> Self {
        Self {
            cache: cache.clone(),
            key,
            half_life,
            length,
        }
    }

    /// The score of something of this weight that happens at a moment.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of our time are exact in a double"
    )]
    pub(crate) fn score(&self, weight: f64, at: Timestamp) -> Score {
        let half_lives = at.as_millis() as f64 / 1_000.0 / self.half_life.as_secs_f64();
        Score(weight.log2() + half_lives)
    }

    /// What is left of a sum at a moment.
    pub(crate) fn weight(&self, score: Score, at: Timestamp) -> f64 {
        (score.0 - self.score(1.0, at).0).exp2()
    }

    /// Adds to the sums of members.
    pub(crate) async fn add<M: AsRef<[u8]>>(&self, added: &[(M, Score)]) -> Result<(), CacheError> {
        self.write(&ADD, added).await
    }

    /// Makes scores at least what they are known to be. Doing it again, or
    /// beside what is added meanwhile, counts nothing twice.
    pub(crate) async fn raise<M: AsRef<[u8]>>(
        &self,
        known: &[(M, Score)],
    ) -> Result<(), CacheError> {
        self.write(&RAISE, known).await
    }

    async fn write<M: AsRef<[u8]>>(
        &self,
        script: &Script,
        scores: &[(M, Score)],
    ) -> Result<(), CacheError> {
        for batch in scores.chunks(BATCH) {
            let mut call: ScriptInvocation<'_> = script.key(self.key);
            call.arg(self.length);
            for (member, score) in batch {
                call.arg(member.as_ref()).arg(score.0);
            }
            call.invoke_async::<()>(&mut self.cache.shared()).await?;
        }
        Ok(())
    }

    /// Takes members out.
    pub(crate) async fn remove<M: AsRef<[u8]>>(&self, members: &[M]) -> Result<(), CacheError> {
        if members.is_empty() {
            return Ok(());
        }
        let mut remove = redis::cmd("ZREM");
        remove.arg(self.key);
        for member in members {
            remove.arg(member.as_ref());
        }
        Ok(remove.query_async(&mut self.cache.shared()).await?)
    }

    /// The members with the largest sums, from the `skipped`th on, as far as
    /// they have `least`. Those of one score are in the reverse order of their bytes.
    pub(crate) async fn top(
        &self,
        least: Score,
        skipped: usize,
        count: usize,
    ) -> Result<Vec<Scored>, CacheError> {
        let mut range = redis::cmd("ZRANGE");
        range
            .arg(self.key)
            .arg("+inf")
            .arg(least.0)
            .arg(&["BYSCORE", "REV", "LIMIT"])
            .arg(skipped)
            .arg(count)
            .arg("WITHSCORES");
        let found: Vec<(Vec<u8>, f64)> = range.query_async(&mut self.cache.shared()).await?;
        Ok(scored(found).collect())
    }

    /// The members that stand behind `place`, about `count` of them, as far as
    /// they have `least`.
    pub(crate) async fn behind(
        &self,
        (member, score): (&[u8], Score),
        least: Score,
        count: usize,
    ) -> Result<Vec<Scored>, CacheError> {
        let mut pipeline = redis::pipe();
        let range = |command: &mut redis::Cmd, from: String, to: f64| {
            command.arg(self.key).arg(from).arg(to);
            command.arg(&["BYSCORE", "REV"]);
        };
        let mut equal = redis::cmd("ZRANGE");
        range(&mut equal, score.0.to_string(), score.0);
        equal.arg("WITHSCORES");
        let mut below = redis::cmd("ZRANGE");
        range(&mut below, format!("({}", score.0), least.0);
        below.arg("LIMIT").arg(0).arg(count).arg("WITHSCORES");
        pipeline.add_command(equal).add_command(below);
        let (equal, below) = pipeline.query_async(&mut self.cache.shared()).await?;
        let equal = scored(equal).filter(|(it, score)| it.as_slice() < member && *score >= least);
        Ok(equal.chain(scored(below)).collect())
    }

    /// Whether the caller is to build the scores from what is stored: they are
    /// not there, and nobody else does.
    pub(crate) async fn claim(&self) -> Result<bool, CacheError> {
        let claimed: Option<String> = redis::cmd("SET")
            .arg(keys::built(self.key))
            .arg(1)
            .arg("NX")
            .arg("EX")
            .arg(BUILDING)
            .query_async(&mut self.cache.shared())
            .await?;
        Ok(claimed.is_some())
    }

    /// What is stored is in the scores.
    pub(crate) async fn note_built(&self) -> Result<(), CacheError> {
        Ok(redis::cmd("SET")
            .arg(keys::built(self.key))
            .arg(1)
            .arg("EX")
            .arg(BUILT)
            .query_async(&mut self.cache.shared())
            .await?)
    }
}

fn scored(found: Vec<(Vec<u8>, f64)>) -> impl Iterator<Item = Scored> {
    let found = found.into_iter();
    found.map(|(member, score)| (member, Score(score)))
}

#[cfg(test)]
mod tests;
