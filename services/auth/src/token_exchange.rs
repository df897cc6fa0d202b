//! Access tokens in place of those of the predecessor.

use bson::oid::ObjectId;
use domain::{Session, SessionId, Timestamp, User, UserId};
use futures_util::FutureExt;
use store::Operation;

use crate::{AuthError, sessions::Sessions};

/// A token of the predecessor, which the gateway has verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PredecessorToken {
    pub(crate) user_id: UserId,
    /// To the second, as all times in it.
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// SHA-256 of the token.
    pub(crate) digest: [u8; 32],
}

impl PredecessorToken {
    /// The login that the token stands for: the same on every replica, and
    /// however often it is shown.
    fn session_id(&self) -> SessionId {
        let bytes = self.digest.first_chunk().copied().unwrap_or_default();
        ObjectId::from_bytes(bytes).into()
    }
}

/// What somebody gets for a token of the predecessor.
pub(crate) struct ExchangedToken {
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

impl Sessions {
    /// Exchanges a token of the predecessor for one of ours. Again, it is the
    /// same one, until its login has ended; then it is refused for good.
    pub(crate) async fn exchange(
        &self,
        old: PredecessorToken,
    ) -> Result<ExchangedToken, AuthError> {
        let now = self.clock.now();
        let session = match self.exchanged_before(&old, now).await? {
            Some(session) => session,
            None => match self.begin_exchanged(&old, now).await {
                // Another replica was first.
                Err(AuthError::Store(error)) if error.duplicate_index().is_some() => {
                    let session = self.exchanged_before(&old, now).await?;
                    session.ok_or(AuthError::TokenNotExchanged)?
                }
                begun => begun?,
            },
        };
        let (token, access) = self.token_of(&session)?;
        Ok(ExchangedToken {
            token,
            expires_at: access.expires_at,
        })
    }

    /// The login of a token that was exchanged before, if it was.
    async fn exchanged_before(
        &self,
        old: &PredecessorToken,
        now: Timestamp,
    ) -> Result<Option<Session>, AuthError> {
        let Some(session) = self.store.find(old.session_id()).await? else {
            return Ok(None);
        };
        let users = self.relations.users.find_many(&[old.user_id]).await?;
        let is_alive = session.revoked_at.is_none() && session.expires_at > now;
        // Half a digest may meet somebody else's id, however unlikely.
        let is_theirs = session.user_id == old.user_id;
        if is_alive && is_theirs && users.iter().any(User::is_active) {
            Ok(Some(session))
        } else {
            Err(AuthError::TokenNotExchanged)
        }
    }

    async fn begin_exchanged(
        &self,
        old: &PredecessorToken,
        now: Timestamp,
    ) -> Result<Session, AuthError> {
        let latest = old.issued_at.plus(self.token_lifetime);
        let session = Session {
            id: old.session_id(),
            user_id: old.user_id,
            created_at: old.issued_at,
            last_seen_at: now,
            user_agent: None,
            ip: None,
            expires_at: old.expires_at.map_or(latest, |at| at.min(latest)),
            revoked_at: None,
        };
        if session.expires_at <= now {
            return Err(AuthError::TokenNotExchanged);
        }
        let operation = Operation {
            collection: "sessions",
            name: "begin_exchanged",
        };
        let (sessions, stored) = (self.clone(), session.clone());
        let begin = self
            .relations
            .store
            .transaction(operation, move |transaction| {
                let (sessions, session) = (sessions.clone(), stored.clone());
                async move {
                    let users = &sessions.relations.users;
                    let user = users.begin_login(&mut *transaction, session.user_id, now);
                    let is_good = user.await?.is_some_and(|user| is_good(&user, &session));
                    if is_good {
                        sessions.store.insert_in(transaction, &session).await?;
                    } else {
                        transaction.abort_transaction().await?;
                    }
                    Ok(is_good)
                }
                .boxed()
            });
        if begin.await? {
            Ok(session)
        } else {
            Err(AuthError::TokenNotExchanged)
        }
    }
}

/// Whether `user` has not ended the tokens of that time.
///
/// A token says its time to the second, rounded down. One that was issued in
/// the second in which the older ones were ended looks older than it is and is
/// refused: a new login costs less than a stolen token that lives on.
fn is_good(user: &User, session: &Session) -> bool {
    let valid_after = user.tokens_valid_after;
    user.is_active() && valid_after.is_none_or(|after| session.created_at >= after)
}
