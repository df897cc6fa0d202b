//! Showing that the mail of an account is read.

use std::net::IpAddr;

use domain::UserId;
use secrecy::SecretString;

use crate::{
    AuthError,
    accounts::Accounts,
    mongo::{Mail, MailPurpose, Recipient, TokenPurpose},
    one_time_tokens::digest,
};

impl Accounts {
    /// Takes a token from a mail. It stays good until it expires: whoever
    /// clicks twice, or repeats a request that was not answered, hears the same.
    pub(crate) async fn verify_email(
        &self,
        token: &SecretString,
        address: Option<IpAddr>,
    ) -> Result<(), AuthError> {
        let (attempts, now) = (&self.sessions.attempts, self.clock.now());
        attempts.begin_token(address).await?;
        let purpose = TokenPurpose::VerifyEmail;
        let found = self.tokens.store.find(digest(token), purpose, now).await?;
        let user_id = found.ok_or(AuthError::InvalidToken)?;
        attempts.token_was_good(address).await;
        let users = &self.relations.users;
        Ok(users.set_email_verified(user_id, now).await?)
    }

    /// Sends the mail of the registration once more, unless it has served.
    pub(crate) async fn resend_verification(&self, user_id: UserId) -> Result<(), AuthError> {
        let user = self.own(user_id).await?;
        let attempts = &self.sessions.attempts;
        attempts.begin_verification_mail(user_id).await?;
        if user.email_verified_at.is_none() {
            let to = Recipient::UserId(user_id);
            let mail = Mail::new(MailPurpose::VerifyEmail, to, self.clock.now());
            self.mails.insert(mail).await?;
        }
        Ok(())
    }
}
