//! Deleting one's account: nobody sees it from then on, and after a while
//! [`crate::erasure`] erases it.

use std::net::IpAddr;

use bus::event_row;
use contracts::events::v1::{UserChanged, event::Fact};
use domain::{Timestamp, UserId};
use futures_util::FutureExt;
use mongodb::ClientSession;
use secrecy::SecretString;
use store::Operation;

use crate::{
    AuthError,
    accounts::Accounts,
    mongo::{Mail, MailPurpose, Recipient},
};

impl Accounts {
    /// Deletes the caller's account, ends its logins, and returns after when it
    /// is erased. Until then a login brings it back.
    pub(crate) async fn delete(
        &self,
        user_id: UserId,
        password: SecretString,
        address: Option<IpAddr>,
    ) -> Result<Timestamp, AuthError> {
        self.proven(user_id, password, address).await?;
        let (accounts, now) = (self.clone(), self.clock.now());
        let operation = Operation {
            collection: "users",
            name: "delete",
        };
        let delete = self.relations.store.transaction(operation, move |session| {
            let accounts = accounts.clone();
            async move { accounts.delete_in(session, user_id, now).await }.boxed()
        });
        if !delete.await? {
            return Err(AuthError::AccountNotActive);
        }
        self.outbox.wake();
        self.mails.wake();
        self.sessions.publish_revoked(user_id, now).await?;
        self.copies.forget_user(user_id).await;
        Ok(now.plus(self.deletion_grace))
    }

    /// False if the account is not in use any more.
    async fn delete_in(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        now: Timestamp,
    ) -> mongodb::error::Result<bool> {
        let users = &self.relations.users;
        if users
            .delete_in(&mut *session, user_id, now)
            .await?
            .is_none()
        {
            session.abort_transaction().await?;
            return Ok(false);
        }
        let sessions = &self.sessions.store;
        sessions.revoke_all_in(&mut *session, user_id, now).await?;
        let fact = Fact::UserChanged(UserChanged {
            user_id: user_id.to_string(),
            standing_changed: true,
        });
        let row = event_row(fact, now);
        self.outbox.put(&mut *session, &[row]).await?;
        let to = Recipient::UserId(user_id);
        let mail = Mail::new(MailPurpose::AccountDeleted, to, now);
        self.mails.insert_in(session, &mail).await?;
        Ok(true)
    }
}
