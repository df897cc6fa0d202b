//! A new password for somebody who knows theirs.

use std::net::IpAddr;

use domain::{SessionId, User, UserId};
use futures_util::FutureExt;
use secrecy::SecretString;
use store::Operation;

use crate::{
    AuthError, accounts::Accounts, password_reset::check_new_password, passwords::Verdict,
};

impl Accounts {
    /// Sets a new password and ends every other login than `session_id`.
    pub(crate) async fn change_password(
        &self,
        (user_id, session_id): (UserId, SessionId),
        current: SecretString,
        new: SecretString,
        address: Option<IpAddr>,
    ) -> Result<(), AuthError> {
        let user = self.proven(user_id, current, address).await?;
        check_new_password(&user, &new)?;
        let hash = self.passwords.hash(new).await?;
        let (old, now) = (user.password.unwrap_or_default(), self.clock.now());

        let operation = Operation {
            collection: "users",
            name: "change_password",
        };
        let (accounts, users) = (self.clone(), self.relations.users.clone());
        let change = self.relations.store.transaction(operation, move |session| {
            let (accounts, users) = (accounts.clone(), users.clone());
            let (old, hash) = (old.clone(), hash.clone());
            async move {
                let change = users.change_password_in(&mut *session, user_id, &old, &hash, now);
                if !change.await? {
                    session.abort_transaction().await?;
                    return Ok(false);
                }
                let sessions = &accounts.sessions.store;
                let revoke = sessions.revoke_others_in(&mut *session, user_id, session_id, now);
                revoke.await?;
                accounts.tell_of_new_password(session, user_id, now).await?;
                Ok(true)
            }
            .boxed()
        });
        if !change.await? {
            // Another request has changed it since this one proved to know it.
            return Err(AuthError::WrongPassword);
        }
        self.mails.wake();
        self.sessions.publish_revoked(user_id, now).await
    }

    /// The caller's own account, if `password` is its password. Whoever has
    /// somebody's token is held back from guessing as at a login.
    pub(crate) async fn proven(
        &self,
        user_id: UserId,
        password: SecretString,
        address: Option<IpAddr>,
    ) -> Result<User, AuthError> {
        let user = self.own(user_id).await?;
        let account = user.email_lower.clone();
        let account = account.unwrap_or_else(|| user_id.to_string());
        let attempts = &self.sessions.attempts;
        attempts.begin_password(&account, address).await?;
        let stored = user.password.clone();
        match self.passwords.verify(password, stored).await? {
            Verdict::Right | Verdict::RightButOld => {}
            Verdict::Wrong => return Err(AuthError::WrongPassword),
        }
        attempts.password_was_right(&account, address).await;
        Ok(user)
    }
}
