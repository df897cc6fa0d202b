use std::{sync::Arc, time::Duration};

use domain::{Timestamp, User};
use futures_util::{StreamExt, stream};
use metrics::counter;
use runtime::{Clock, Shutdown};
use store::{Lease, Round, StoreError, Work};

use super::{Delivery, Letter, Links, Mailer};
use crate::{
    mongo::{Mail, MailPurpose, Mails, Recipient, TokenPurpose, Users},
    one_time_tokens::OneTimeTokens,
};

/// Mails of a round.
const BATCH: i64 = 32;
/// Mails on their way at a time.
const AT_ONCE: usize = 8;
/// How long the loop sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_secs(1);
/// The pause after the first failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(30);
/// A mail that is not away by then is dropped: whoever waits for it has asked again.
const GIVE_UP: Duration = Duration::from_hours(24);

/// Sends what is in `mails`, on one replica at a time.
///
/// What a mail carries is made right before it is sent. When the process ends
/// between sending and noting it, the mail is sent once more with a token of
/// its own, and both are good.
pub(crate) struct MailSending {
    pub(crate) mails: Mails,
    pub(crate) users: Users,
    pub(crate) tokens: OneTimeTokens,
    pub(crate) mailer: Mailer,
    pub(crate) links: Links,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long after its deletion an account is erased.
    pub(crate) deletion_grace: Duration,
    pub(crate) lease: Lease,
}

impl MailSending {
    /// Works until the drain.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        self.lease.work(&shutdown, &self).await;
    }

    async fn handle(&self, mail: &Mail) -> Result<(), StoreError> {
        let now = self.clock.now();
        let delivery = if now.since(mail.created_at) > GIVE_UP {
            Delivery::Never
        } else {
            self.deliver(mail, now).await?
        };
        match delivery {
            Delivery::Done => counter!("mails_sent_total").increment(1),
            Delivery::Later => {
                let next = now.plus(pause_after(mail.attempts));
                return self.mails.postpone(mail.id, next).await;
            }
            Delivery::Never => {
                counter!("mails_dropped_total").increment(1);
                tracing::warn!(mail.id = %mail.id, purpose = ?mail.purpose, "mail dropped");
            }
        }
        self.mails.remove(mail.id).await
    }

    async fn deliver(&self, mail: &Mail, now: Timestamp) -> Result<Delivery, StoreError> {
        let user = match &mail.to {
            Recipient::UserId(id) => self.users.find_many(&[*id]).await?.pop(),
            Recipient::EmailLower(email) => self.users.find_by_email(email).await?,
        };
        // Nobody has the address, or the reason is gone: nothing is to be sent.
        let Some(user) = user.filter(|user| is_wanted(user, mail.purpose)) else {
            return Ok(Delivery::Done);
        };
        let Some(address) = user.email.clone() else {
            return Ok(Delivery::Never);
        };
        let letter = self.write(&user, mail.purpose, now).await?;
        Ok(self.mailer.send(&address, letter).await)
    }

    async fn write(
        &self,
        user: &User,
        purpose: MailPurpose,
        now: Timestamp,
    ) -> Result<Letter, StoreError> {
        let links = &self.links;
        Ok(match purpose {
            MailPurpose::VerifyEmail => {
                let purpose = TokenPurpose::VerifyEmail;
                let token = self.tokens.issue(user.id, purpose, now).await?;
                Letter::verify_email(user, &token, purpose.lifetime(), links)
            }
            MailPurpose::ResetPassword => {
                let purpose = TokenPurpose::ResetPassword;
                let token = self.tokens.issue(user.id, purpose, now).await?;
                Letter::reset_password(user, &token, purpose.lifetime(), links)
            }
            MailPurpose::PasswordChanged => Letter::password_changed(user, links),
            MailPurpose::AccountDeleted => {
                let deleted_at = user.deleted_at.unwrap_or(now);
                Letter::account_deleted(user, deleted_at.plus(self.deletion_grace))
            }
        })
    }
}

/// Whether what the mail is about still holds.
fn is_wanted(user: &User, purpose: MailPurpose) -> bool {
    user.erasure_began_at.is_none()
        && match purpose {
            MailPurpose::VerifyEmail => user.is_active() && user.email_verified_at.is_none(),
            MailPurpose::ResetPassword | MailPurpose::PasswordChanged => true,
            MailPurpose::AccountDeleted => user.deleted_at.is_some(),
        }
}

fn pause_after(attempts: i32) -> Duration {
    let doublings = attempts.clamp(0, 16).unsigned_abs();
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

impl Work for MailSending {
    type Error = StoreError;

    async fn wait(&self) {
        self.mails.written(IDLE).await;
    }

    async fn round(&self) -> Result<Round, StoreError> {
        let due = self.mails.due(self.clock.now(), BATCH).await?;
        if due.is_empty() {
            return Ok(Round::Done);
        }
        let sending = stream::iter(due).map(|mail| async move { self.handle(&mail).await });
        let sent: Vec<_> = sending.buffer_unordered(AT_ONCE).collect().await;
        sent.into_iter().collect::<Result<(), _>>()?;
        Ok(Round::More)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_they_are_long() {
        let pauses: Vec<u64> = (0..12).map(|n| pause_after(n).as_secs()).collect();
        assert_eq!(pauses[..4], [5, 10, 20, 40]);
        assert_eq!(pauses[11], LONGEST_PAUSE.as_secs());
        assert_eq!(pause_after(i32::MAX), LONGEST_PAUSE);
    }
}
