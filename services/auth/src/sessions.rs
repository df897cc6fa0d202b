//! Sessions: begin, end, end all.

use std::{net::IpAddr, sync::Arc, time::Duration};

use domain::{Session, SessionId, Timestamp, User, UserId};
use runtime::Clock;
use tokens::{AccessToken, Signer};

use crate::{
    AuthError, attempts::Attempts, last_seen::LastSeen, mongo::SessionStore, relations::Relations,
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

impl Device {
    /// Where the request came from, if that is known.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.ip.as_ref()?.parse().ok()
    }
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
    pub(crate) attempts: Attempts,
    pub(crate) signer: Arc<Signer>,
    pub(crate) revocations: RevocationPublisher,
    pub(crate) last_seen: LastSeen,
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

    /// Signs the token of a stored session; again, it is the same token.
    pub(crate) fn token_of(&self, session: &Session) -> Result<(String, AccessToken), AuthError> {
        let lifetime = session.expires_at.since(session.created_at);
        self.signer
            .issue(session.user_id, session.id, session.created_at, lifetime)
            .map_err(|error| AuthError::Signing(Box::new(error)))
    }

    /// What somebody gets who has just logged in.
    pub(crate) fn logged_in(&self, user: User, session: &Session) -> Result<LoggedIn, AuthError> {
        let (token, access) = self.token_of(session)?;
        Ok(LoggedIn {
            token,
            expires_at: access.expires_at,
            user,
        })
    }

    /// Ends one session of the caller. Ending it again changes nothing. False
    /// if it is not theirs.
    pub(crate) async fn log_out(
        &self,
        user_id: UserId,
        session_id: SessionId,
    ) -> Result<bool, AuthError> {
        let now = self.clock.now();
        let session = self.store.revoke(user_id, session_id, now).await?;
        self.revocations.publish(session.as_slice(), now).await;
        Ok(session.is_some())
    }

    /// Ends every session of the caller that exists now.
    pub(crate) async fn log_out_everywhere(&self, user_id: UserId) -> Result<(), AuthError> {
        let now = self.clock.now();
        let revoked = self.store.revoke_all(user_id, now).await?;
        self.revocations.publish(&revoked, now).await;
        Ok(())
    }

    /// Publishes what a transaction has revoked.
    pub(crate) async fn publish_revoked(
        &self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let revoked = self.store.revoked_of(user_id, now).await?;
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
