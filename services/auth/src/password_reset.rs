//! A new password for somebody who has forgotten theirs.

use std::net::IpAddr;

use domain::{Timestamp, User, UserId, check_password};
use futures_util::FutureExt;
use mongodb::ClientSession;
use secrecy::{ExposeSecret, SecretString};
use store::Operation;
use web::Faults;

use crate::{
    AuthError,
    accounts::Accounts,
    mongo::{Mail, MailPurpose, Recipient, TokenPurpose},
    one_time_tokens::digest,
};

impl Accounts {
    /// Sends a mail with a token to the account with this address, if there is
    /// one. Nobody looks for it before the answer, which therefore tells
    /// nothing, neither by what it says nor by when.
    pub(crate) async fn forgot_password(
        &self,
        email: &str,
        address: Option<IpAddr>,
    ) -> Result<(), AuthError> {
        let email = email.to_lowercase();
        let attempts = &self.sessions.attempts;
        attempts.begin_reset_mail(&email, address).await?;
        let to = Recipient::EmailLower(email);
        let mail = Mail::new(MailPurpose::ResetPassword, to, self.clock.now());
        Ok(self.mails.insert(mail).await?)
    }

    /// Sets a new password and ends every login. The token is good once, and
    /// the others that were sent are good no more.
    pub(crate) async fn reset_password(
        &self,
        token: &SecretString,
        new: SecretString,
        address: Option<IpAddr>,
    ) -> Result<(), AuthError> {
        let (attempts, now) = (&self.sessions.attempts, self.clock.now());
        attempts.begin_token(address).await?;
        let (digest, purpose) = (digest(token), TokenPurpose::ResetPassword);
        let user_id = self.tokens.store.find(digest, purpose, now).await?;
        let user_id = user_id.ok_or(AuthError::InvalidToken)?;
        attempts.token_was_good(address).await;
        let user = self.relations.users.find_many(&[user_id]).await?.pop();
        let user = user.ok_or(AuthError::InvalidToken)?;
        check_new_password(&user, &new)?;
        let hash = self.passwords.hash(new).await?;

        let operation = Operation {
            collection: "users",
            name: "reset_password",
        };
        let (accounts, users) = (self.clone(), self.relations.users.clone());
        let reset = self.relations.store.transaction(operation, move |session| {
            let (accounts, users, hash) = (accounts.clone(), users.clone(), hash.clone());
            async move {
                let tokens = &accounts.tokens.store;
                let owner = tokens.take_in(&mut *session, digest, purpose, now);
                if owner.await?.is_none() {
                    // Used by another request meanwhile.
                    session.abort_transaction().await?;
                    return Ok(false);
                }
                let reset = users.reset_password_in(&mut *session, user_id, &hash, now);
                reset.await?;
                let sessions = &accounts.sessions.store;
                sessions.revoke_all_in(&mut *session, user_id, now).await?;
                accounts.tell_of_new_password(session, user_id, now).await?;
                Ok(true)
            }
            .boxed()
        });
        if !reset.await? {
            return Err(AuthError::InvalidToken);
        }
        self.mails.wake();
        self.sessions.publish_revoked(user_id, now).await?;
        let account = user.email_lower.unwrap_or_default();
        attempts.password_was_right(&account, None).await;
        Ok(())
    }

    /// Adds the mail that tells of a new password, in the transaction of `session`.
    pub(crate) async fn tell_of_new_password(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        now: Timestamp,
    ) -> mongodb::error::Result<()> {
        let to = Recipient::UserId(user_id);
        let mail = Mail::new(MailPurpose::PasswordChanged, to, now);
        self.mails.insert_in(session, &mail).await
    }
}

/// Refuses a password that is too weak for `user`.
pub(crate) fn check_new_password(user: &User, new: &SecretString) -> Result<(), AuthError> {
    let email = user.email.as_deref().unwrap_or_default();
    let names = [user.username.as_str(), email];
    let mut faults = Faults::default();
    let checked = check_password(new.expose_secret(), &names);
    faults.note("new_password", checked);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(AuthError::InvalidFields(faults.0))
    }
}
