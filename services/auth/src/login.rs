//! Logging in with e-mail address and password.

use bus::event_row;
use contracts::events::v1::{UserChanged, event::Fact};
use domain::{Session, User, UserStatus};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use secrecy::SecretString;
use store::Operation;
use tokio::time::{Instant, sleep_until};

use crate::{
    AuthError,
    accounts::Accounts,
    passwords::Verdict,
    sessions::{Device, LoggedIn},
};

/// Somebody who was let in.
struct Admitted {
    user: User,
    /// The account was deleted, and is not any more.
    is_restored: bool,
}

impl Accounts {
    /// Logs in with e-mail address and password. An account that was deleted
    /// and is not erased yet is there again.
    ///
    /// An unknown address costs a hash like a known one, and every failure
    /// takes the same time from the outside: neither the text nor the clock
    /// tells who has an account.
    pub(crate) async fn log_in(
        &self,
        email: &str,
        password: SecretString,
        device: Device,
    ) -> std::result::Result<LoggedIn, AuthError> {
        let not_before = Instant::now() + self.sessions.failure_time;
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
    ) -> std::result::Result<LoggedIn, AuthError> {
        let (email, address) = (email.to_lowercase(), device.address());
        let attempts = &self.sessions.attempts;
        attempts.begin_password(&email, address).await?;
        let user = self.relations.users.find_by_email(&email).await?;
        let stored = user.as_ref().and_then(|user| user.password.clone());
        let verdict = self.passwords.verify(password.clone(), stored).await?;
        let (Some(user), Verdict::Right | Verdict::RightButOld) = (user, verdict) else {
            return Err(AuthError::InvalidCredentials);
        };
        attempts.password_was_right(&email, address).await;
        let session = self.sessions.begin(user.id, device, self.clock.now());
        let admitted = self.admit(user.password, &session).await?;
        if admitted.is_restored {
            self.outbox.wake();
            self.copies.forget_user(admitted.user.id).await;
        }
        if verdict == Verdict::RightButOld {
            self.replace_hash(&admitted.user, password).await;
        }
        self.sessions.logged_in(admitted.user, &session)
    }

    /// Stores a session of somebody who has shown the password with the hash
    /// `verified`, if the account still is one that can be logged in to.
    async fn admit(
        &self,
        verified: Option<String>,
        session: &Session,
    ) -> std::result::Result<Admitted, AuthError> {
        let operation = Operation {
            collection: "sessions",
            name: "log_in",
        };
        let (accounts, session) = (self.clone(), session.clone());
        let admit = self
            .relations
            .store
            .transaction(operation, move |transaction| {
                let (accounts, session) = (accounts.clone(), session.clone());
                let verified = verified.clone();
                async move {
                    let admit = accounts.admit_in(&mut *transaction, verified.as_deref(), &session);
                    let admitted = admit.await?;
                    if admitted.is_err() {
                        transaction.abort_transaction().await?;
                    }
                    Ok(admitted)
                }
                .boxed()
            });
        admit.await?
    }

    async fn admit_in(
        &self,
        transaction: &mut ClientSession,
        verified: Option<&str>,
        session: &Session,
    ) -> Result<std::result::Result<Admitted, AuthError>> {
        let (users, now) = (&self.relations.users, session.created_at);
        let user = users.begin_login(&mut *transaction, session.user_id, now);
        // The password may have been changed since it was looked at.
        let user = user.await?.filter(|it| it.password.as_deref() == verified);
        let Some(mut user) = user else {
            return Ok(Err(AuthError::InvalidCredentials));
        };
        let is_restored = match user.status {
            UserStatus::Active => false,
            UserStatus::Deleted if user.erasure_began_at.is_some() => {
                return Ok(Err(AuthError::InvalidCredentials));
            }
            UserStatus::Deleted if user.deleted_at.is_some() => true,
            UserStatus::Suspended | UserStatus::Deleted => {
                return Ok(Err(AuthError::AccountNotActive));
            }
        };
        if is_restored {
            let restored = users.restore_in(&mut *transaction, user.id, now);
            user = restored.await?.unwrap_or(user);
            let fact = Fact::UserChanged(UserChanged {
                user_id: user.id.to_string(),
                standing_changed: true,
            });
            let row = event_row(fact, now);
            self.outbox.put(&mut *transaction, &[row]).await?;
        }
        let sessions = &self.sessions.store;
        sessions.insert_in(&mut *transaction, session).await?;
        self.relations.complete_own(transaction, &mut user).await?;
        Ok(Ok(Admitted { user, is_restored }))
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
}
