//! Slows down whoever guesses passwords, per account: the gateway limits
//! addresses, but a botnet has many.

use std::time::Duration;

use cache::{Cache, keys, redis};

use crate::AuthError;

/// How long attempts are remembered, from the first one.
const WINDOW: Duration = Duration::from_mins(15);

/// Counts logins per e-mail address in Redis until one succeeds.
///
/// Without Redis nobody is held back: a login that Redis decides is worth more
/// to an account's owner than the limit, and the gateway's holds in any case.
#[derive(Clone)]
pub(crate) struct LoginAttempts {
    pub(crate) cache: Cache,
    pub(crate) limit: u32,
}

impl LoginAttempts {
    /// Counts an attempt before its password is looked at, so that many at
    /// once are many. Unknown addresses count like known ones.
    pub(crate) async fn begin(&self, email_lower: &str) -> Result<(), AuthError> {
        let key = keys::login_attempts(email_lower);
        let mut connection = self.cache.shared();
        let counted: Result<(u32, i64), _> = redis::pipe()
            .incr(&key, 1)
            .cmd("EXPIRE")
            .arg(&key)
            .arg(WINDOW.as_secs())
            .arg("NX")
            .ignore()
            .pttl(&key)
            .query_async(&mut connection)
            .await;
        match counted {
            Ok((count, remaining)) if count > self.limit => {
                let remaining = u64::try_from(remaining).unwrap_or_default();
                let retry_after = Duration::from_millis(remaining);
                Err(AuthError::TooManyAttempts { retry_after })
            }
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "login attempt not counted");
                Ok(())
            }
        }
    }

    /// Forgets the attempts: the password was right.
    pub(crate) async fn succeeded(&self, email_lower: &str) {
        let mut connection = self.cache.shared();
        let forgotten: Result<(), _> = redis::cmd("DEL")
            .arg(keys::login_attempts(email_lower))
            .query_async(&mut connection)
            .await;
        if let Err(error) = forgotten {
            tracing::warn!(%error, "login attempts not forgotten");
        }
    }
}
