//! The devices that somebody is logged in on.

use domain::{Session, SessionId, Timestamp, UserId};
use web::{Filling, Paging};

use crate::{AuthError, accounts::Accounts};

/// Where a session is in the list: by when it began.
pub(crate) type SessionPosition = (Timestamp, SessionId);

impl Accounts {
    /// The caller's sessions that are alive, newest first, and where the list
    /// goes on.
    pub(crate) async fn login_sessions(
        &self,
        user_id: UserId,
        paging: &Paging<SessionPosition>,
    ) -> Result<(Vec<Session>, Option<SessionPosition>), AuthError> {
        self.own(user_id).await?;
        let (store, now) = (&self.sessions.store, self.clock.now());
        let mut filling = Filling::new(paging);
        let mut after = paging.after().copied();
        while !filling.is_done() {
            let wanted = filling.wanted();
            let sessions = store.alive(user_id, after, now, wanted).await?;
            let is_end = sessions.len() < wanted;
            for session in sessions {
                let position = (session.created_at, session.id);
                after = Some(position);
                filling.add(position, session);
            }
            if is_end {
                break;
            }
        }
        Ok(filling.finish())
    }

    /// Ends one of the caller's sessions.
    pub(crate) async fn end_session(
        &self,
        user_id: UserId,
        session_id: SessionId,
    ) -> Result<(), AuthError> {
        self.own(user_id).await?;
        if self.sessions.log_out(user_id, session_id).await? {
            Ok(())
        } else {
            Err(AuthError::SessionNotFound)
        }
    }
}
