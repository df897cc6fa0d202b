//! Slows down whoever guesses passwords and tokens, or has mails sent: per
//! account, because a botnet has many addresses, and per address, because a
//! guesser tries many accounts.

use std::{net::IpAddr, time::Duration};

use cache::{Cache, keys, redis};
use domain::UserId;

use crate::AuthError;

/// How long failures are remembered, from the first one.
const WINDOW: Duration = Duration::from_mins(15);
/// How long requests for mails are, from the first one.
const MAIL_WINDOW: Duration = Duration::from_hours(1);

/// Counts attempts in Redis.
///
/// Without Redis nobody is held back: a login that Redis decides is worth more
/// to an account's owner than the limit, and the gateway's holds in any case.
#[derive(Clone)]
pub(crate) struct Attempts {
    pub(crate) cache: Cache,
    pub(crate) limits: AttemptLimits,
}

/// How many attempts there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptLimits {
    /// Passwords of one account in 15 minutes before one is right.
    pub(crate) account: u32,
    /// Passwords and tokens from one address in 15 minutes that were wrong.
    pub(crate) address: u32,
    /// Mails to one account or e-mail address in an hour.
    pub(crate) mails: u32,
    /// Mails that one address asks for in an hour.
    pub(crate) address_mails: u32,
}

/// What is counted, how far, and for how long.
struct Counter {
    key: String,
    limit: u32,
    window: Duration,
}

impl Attempts {
    /// Counts a password before it is looked at, so that many at once are many.
    /// `account` is the e-mail address in lower case: unknown ones count like
    /// known ones.
    pub(crate) async fn begin_password(
        &self,
        account: &str,
        address: Option<IpAddr>,
    ) -> Result<(), AuthError> {
        let of_account = Counter {
            key: keys::login_attempts(account),
            limit: self.limits.account,
            window: WINDOW,
        };
        let counters = [Some(of_account), address.map(|it| self.failures(it))];
        self.count(counters.into_iter().flatten()).await
    }

    /// The password was right: forgets the attempts at this account, and that
    /// this one came from `address`.
    pub(crate) async fn password_was_right(&self, account: &str, address: Option<IpAddr>) {
        let mut undo = redis::pipe();
        undo.del(keys::login_attempts(account)).ignore();
        if let Some(address) = address {
            take_back(&mut undo, &failures_key(address));
        }
        self.undo(&undo).await;
    }

    /// Counts a token from a mail before it is looked at.
    pub(crate) async fn begin_token(&self, address: Option<IpAddr>) -> Result<(), AuthError> {
        self.count(address.map(|it| self.failures(it)).into_iter())
            .await
    }

    /// The token was good: forgets that it came from `address`.
    pub(crate) async fn token_was_good(&self, address: Option<IpAddr>) {
        if let Some(address) = address {
            let mut undo = redis::pipe();
            take_back(&mut undo, &failures_key(address));
            self.undo(&undo).await;
        }
    }

    /// Counts a request for another verification mail.
    pub(crate) async fn begin_verification_mail(&self, user_id: UserId) -> Result<(), AuthError> {
        let of_account = Counter {
            key: keys::rate_limit("verification-mail", &user_id.to_string()),
            limit: self.limits.mails,
            window: MAIL_WINDOW,
        };
        self.count([of_account].into_iter()).await
    }

    /// Counts a request for a password reset, whether the address is known or not.
    pub(crate) async fn begin_reset_mail(
        &self,
        email_lower: &str,
        address: Option<IpAddr>,
    ) -> Result<(), AuthError> {
        let of_email = Counter {
            key: keys::reset_requests(email_lower),
            limit: self.limits.mails,
            window: MAIL_WINDOW,
        };
        let of_address = address.map(|address| Counter {
            key: keys::rate_limit("reset-mail", &keys::rate_limited_client(address)),
            limit: self.limits.address_mails,
            window: MAIL_WINDOW,
        });
        self.count([Some(of_email), of_address].into_iter().flatten())
            .await
    }

    fn failures(&self, address: IpAddr) -> Counter {
        Counter {
            key: failures_key(address),
            limit: self.limits.address,
            window: WINDOW,
        }
    }

    /// Adds one to each; refuses while any of them is beyond its limit.
    async fn count(&self, counters: impl Iterator<Item = Counter>) -> Result<(), AuthError> {
        let mut pipe = redis::pipe();
        let mut limits = Vec::new();
        for Counter { key, limit, window } in counters {
            pipe.incr(&key, 1);
            expire(&mut pipe, &key, window);
            pipe.pttl(&key);
            limits.push(limit);
        }
        if limits.is_empty() {
            return Ok(());
        }
        let mut connection = self.cache.shared();
        let counted: Result<Vec<i64>, _> = pipe.query_async(&mut connection).await;
        let counted = match counted {
            Ok(counted) => counted,
            Err(error) => {
                tracing::warn!(%error, "attempt not counted");
                return Ok(());
            }
        };
        let beyond = counted
            .chunks_exact(2)
            .zip(limits)
            .filter_map(|(it, limit)| {
                let [count, remaining] = it else { return None };
                (*count > i64::from(limit)).then_some(*remaining)
            });
        match beyond.max() {
            Some(remaining) => Err(AuthError::TooManyAttempts {
                retry_after: Duration::from_millis(u64::try_from(remaining).unwrap_or_default()),
            }),
            None => Ok(()),
        }
    }

    async fn undo(&self, undo: &redis::Pipeline) {
        let mut connection = self.cache.shared();
        let undone: Result<(), _> = undo.query_async(&mut connection).await;
        if let Err(error) = undone {
            tracing::warn!(%error, "attempts not forgotten");
        }
    }
}

fn failures_key(address: IpAddr) -> String {
    keys::rate_limit("auth-failures", &keys::rate_limited_client(address))
}

/// One less. Had the window just ended, the next begins with one to spare.
fn take_back(pipe: &mut redis::Pipeline, key: &str) {
    pipe.decr(key, 1).ignore();
    expire(pipe, key, WINDOW);
}

/// Lets the key of a counter end with its window, which its first count begins.
fn expire(pipe: &mut redis::Pipeline, key: &str, window: Duration) {
    pipe.cmd("EXPIRE")
        .arg(key)
        .arg(window.as_secs())
        .arg("NX")
        .ignore();
}
