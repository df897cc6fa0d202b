//! Logins: begin, end, end all.

use std::{sync::Arc, time::Duration};

use domain::{Session, SessionId, Timestamp, User, UserId};
use runtime::Clock;
use secrecy::SecretString;
use tokens::Signer;
use tokio::time::{Instant, sleep_until};

use crate::{
    AuthError,
    attempts::LoginAttempts,
    mongo::SessionStore,
    passwords::{Passwords, Verdict},
    relations::{Relations, active},
    revocation::RevocationPublisher,
};

/// Longest user agent kept, in bytes.
const USER_AGENT_MAX: usize = 256;

/// What a client says about itself when it logs in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Device {
    pub(crate) user_agent: Option<String>,
    pub(crate) ip: Option<String>,
}

/// A login that worked.
pub(crate) struct LoggedIn {
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) user: User,
}

/// The logins of all accounts.
#[derive(Clone)]
pub(crate) struct Sessions {
    pub(crate) relations: Relations,
    pub(crate) store: SessionStore,
    pub(crate) passwords: Passwords,
    pub(crate) attempts: LoginAttempts,
    pub(crate) signer: Arc<Signer>,
    pub(crate) revocations: RevocationPublisher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) token_lifetime: Duration,
    pub(crate) failure_time: Duration,
}

impl Sessions {
    /// A session that is not stored yet.
    pub(crate) fn begin(&self, user_id: UserId, device: Device, now: Timestamp) -> Session {
        Session {
            id: SessionId::generate(),
            user_id,
            created_at: now,
            last_seen_at: now,
            user_agent: device
                .user_agent
                .map(|text| shortened(text, USER_AGENT_MAX)),
            ip: device.ip,
            expires_at: now.plus(self.token_lifetime),
            revoked_at: None,
        }
    }

    /// Signs the token of a stored session.
    pub(crate) fn logged_in(&self, user: User, session: &Session) -> Result<LoggedIn, AuthError> {
        let (token, access) = self
            .signer
            .issue(user.id, session.id, session.created_at, self.token_lifetime)
            .map_err(|error| AuthError::Signing(Box::new(error)))?;
        Ok(LoggedIn {
            token,
            expires_at: access.expires_at,
            user,
        })
    }

    /// Logs in with e-mail address and password.
    ///
    /// An unknown address costs a hash like a known one, and every failure
    /// takes the same time from the outside: neither the text nor the clock
    /// tells who has an account.
    pub(crate) async fn log_in(
        &self,
        email: &str,
        password: SecretString,
        device: Device,
    ) -> Result<LoggedIn, AuthError> {
        let not_before = Instant::now() + self.failure_time;
        let outcome = self.try_log_in(email, password, device).await;
        if matches!(outcome, Err(AuthError::InvalidCredentials)) {
            sleep_until(not_before).await;
        }
        outcome
    }

    async fn try_log_in(
        &self,
        email: &str,
        password: SecretString,
        device: Device,
    ) -> Result<LoggedIn, AuthError> {
        let email = email.to_lowercase();
        self.attempts.begin(&email).await?;
        let users = &self.relations.users;
        let user = users.find_by_email(&email).await?;
        let stored = user.as_ref().and_then(|user| user.password.clone());
        let verdict = self.passwords.verify(password.clone(), stored).await?;
        let (Some(user), Verdict::Right | Verdict::RightButOld) = (user, verdict) else {
            return Err(AuthError::InvalidCredentials);
        };
        self.attempts.succeeded(&email).await;
        if !user.is_active() {
            return Err(AuthError::AccountNotActive);
        }
        if verdict == Verdict::RightButOld {
            self.replace_hash(&user, password).await;
        }
        let session = self.begin(user.id, device, self.clock.now());
        self.store.insert(&session).await?;
        let user = active(self.relations.own(user.id).await?)?;
        self.logged_in(user, &session)
    }

    /// Stores an argon2id hash in place of the predecessor's. A login does not
    /// fail because of it; the next one tries again.
    async fn replace_hash(&self, user: &User, password: SecretString) {
        let replaced = async {
            let hash = self.passwords.hash(password).await?;
            let old = user.password.as_deref().unwrap_or_default();
            self.relations
                .users
                .replace_password(user.id, old, &hash, self.clock.now())
                .await
        };
        if let Err(error) = replaced.await {
            tracing::warn!(user.id = %user.id, %error, "old password hash not replaced");
        }
    }

    /// Ends one session of the caller. Ending it again changes nothing.
    pub(crate) async fn log_out(
        &self,
        user_id: UserId,
        session_id: SessionId,
    ) -> Result<(), AuthError> {
        let now = self.clock.now();
        if let Some(session) = self.store.revoke(user_id, session_id, now).await? {
            self.revocations.publish(&[session], now).await;
        }
        Ok(())
    }

    /// Ends every session of the caller that exists now.
    pub(crate) async fn log_out_everywhere(&self, user_id: UserId) -> Result<(), AuthError> {
        let now = self.clock.now();
        let revoked = self.store.revoke_all(user_id, now).await?;
        self.revocations.publish(&revoked, now).await;
        Ok(())
    }

    /// Whether tokens of this session are still good.
    pub(crate) async fn is_alive(&self, session_id: SessionId) -> Result<bool, AuthError> {
        let now = self.clock.now();
        let session = self.store.find(session_id).await?;
        Ok(session.is_some_and(|s| s.revoked_at.is_none() && s.expires_at > now))
    }
}

/// `text` cut to at most `max` bytes, between characters.
fn shortened(mut text: String, max: usize) -> String {
    text.truncate(text.floor_char_boundary(max));
    text
}
