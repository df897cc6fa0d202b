//! Accounts: the own profile, other people's.

use std::{sync::Arc, time::Duration};

use bus::event_row;
use contracts::events::v1::{UserChanged, event::Fact};
use domain::{
    NotificationSettings, PrivacySettings, Timestamp, User, UserId, UserSettings, Username,
    check_bio, check_full_name, check_media_url, visibility::Sight,
};
use futures_util::FutureExt;
use mongodb::ClientSession;
use runtime::Clock;
use store::{IdempotencyRecords, Operation, Outbox};
use web::Faults;

use crate::{
    AuthError,
    copies::Copies,
    mongo::{FollowSweeps, Mails, ReportStore, UserChanges, taken},
    one_time_tokens::OneTimeTokens,
    passwords::Passwords,
    posts::Posts,
    relations::{Related, Relations, active, viewer},
    sessions::Sessions,
    user_search::account_words,
};

/// What a person wants changed of their own account; `None` is left as it is.
#[derive(Default)]
pub(crate) struct ProfileChange {
    pub(crate) full_name: Option<String>,
    pub(crate) bio: Option<String>,
    /// `Some(None)` takes the picture away.
    pub(crate) avatar_url: Option<Option<String>>,
    pub(crate) username: Option<String>,
    pub(crate) is_private: Option<bool>,
    pub(crate) settings: SettingsChange,
}

/// Changed settings, by group.
#[derive(Default)]
pub(crate) struct SettingsChange {
    pub(crate) privacy: Option<PrivacySettings>,
    pub(crate) notifications: Option<NotificationSettings>,
    pub(crate) daily_minutes: Option<Option<u32>>,
}

/// How a client names another account.
#[derive(Clone, Debug)]
pub(crate) enum UserRef {
    Id(UserId),
    /// After `@`; matched without regard to case.
    Name(String),
}

impl UserRef {
    /// Takes 24 hex digits or `@name`; anything else names nobody.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix('@') {
            Some(name) => Some(Self::Name(name.to_lowercase())),
            None => text.parse().ok().map(Self::Id),
        }
    }
}

/// The accounts of the product.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(crate) relations: Relations,
    pub(crate) outbox: Outbox,
    pub(crate) copies: Copies,
    pub(crate) sweeps: FollowSweeps,
    pub(crate) sessions: Sessions,
    pub(crate) passwords: Passwords,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) mails: Mails,
    pub(crate) tokens: OneTimeTokens,
    pub(crate) answers: IdempotencyRecords,
    pub(crate) reports: ReportStore,
    pub(crate) posts: Posts,
    /// In full years.
    pub(crate) minimum_age: i16,
    /// How long a deleted account can be had back.
    pub(crate) deletion_grace: Duration,
}

impl Accounts {
    /// The caller's own account.
    pub(crate) async fn own(&self, user_id: UserId) -> Result<User, AuthError> {
        active(self.relations.own(user_id).await?)
    }

    /// Another account as `viewer_id` may see it, with what is between them.
    pub(crate) async fn visible_to(
        &self,
        viewer_id: UserId,
        target: UserRef,
    ) -> Result<Related, AuthError> {
        let (own, target) = self.relations.to(viewer_id, target).await?;
        let viewer = viewer(own)?;
        target
            .filter(|target| target.is_visible_to(&viewer, Sight::Profile))
            .ok_or(AuthError::UserNotFound)
    }

    /// Changes the caller's own account and returns it as it is then.
    pub(crate) async fn change(
        &self,
        user_id: UserId,
        change: ProfileChange,
    ) -> Result<User, AuthError> {
        let user = self.own(user_id).await?;
        let changes = checked_changes(&user, change)?;
        if changes.is_empty() {
            return Ok(user);
        }
        let (accounts, now) = (self.clone(), self.clock.now());
        let operation = Operation {
            collection: "users",
            name: "change",
        };
        let change = self.relations.store.transaction(operation, move |session| {
            let (accounts, changes) = (accounts.clone(), changes.clone());
            async move { accounts.change_in(session, user_id, changes, now).await }.boxed()
        });
        let user = change.await.map_err(taken)?;
        self.outbox.wake();
        self.sweeps.wake();
        self.copies.forget_user(user_id).await;
        user.ok_or(AuthError::UserNotFound)
    }

    async fn change_in(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        changes: UserChanges,
        now: Timestamp,
    ) -> mongodb::error::Result<Option<User>> {
        let (is_private, standing_changed) = (changes.is_private, changes.is_private.is_some());
        let change = self
            .relations
            .users
            .change(&mut *session, user_id, changes, now);
        let Some(mut user) = change.await? else {
            return Ok(None);
        };
        match is_private {
            Some(true) => self.sweeps.end(&mut *session, user_id).await?,
            Some(false) => self.sweeps.begin(&mut *session, user_id).await?,
            None => {}
        }
        let words = account_words(&user.username, &user.full_name);
        if words != user.search_words {
            let users = &self.relations.users;
            users.set_words(&mut *session, user_id, &words).await?;
            user.search_words = words;
        }
        let fact = Fact::UserChanged(UserChanged {
            user_id: user_id.to_string(),
            standing_changed,
        });
        self.outbox
            .put(&mut *session, &[event_row(fact, now)])
            .await?;
        self.relations.complete_own(session, &mut user).await?;
        Ok(Some(user))
    }
}

fn checked_changes(user: &User, change: ProfileChange) -> Result<UserChanges, AuthError> {
    let mut faults = Faults::default();
    if let Some(full_name) = &change.full_name {
        faults.note("full_name", check_full_name(full_name));
    }
    if let Some(bio) = &change.bio {
        faults.note("bio", check_bio(bio));
    }
    if let Some(Some(avatar_url)) = &change.avatar_url {
        faults.note("avatar_url", check_media_url(avatar_url));
    }
    let username = change
        .username
        .and_then(|text| faults.note("username", Username::parse(&text)));
    if !faults.is_empty() {
        return Err(AuthError::InvalidFields(faults.0));
    }
    Ok(UserChanges {
        full_name: change.full_name.map(|name| name.trim().to_owned()),
        bio: change.bio,
        avatar_url: change.avatar_url,
        username,
        is_private: change.is_private,
        settings: change.settings.applied_to(&user.settings),
    })
}

impl SettingsChange {
    fn applied_to(self, current: &UserSettings) -> Option<UserSettings> {
        let mut settings = current.clone();
        if let Some(privacy) = self.privacy {
            settings.privacy = privacy;
        }
        if let Some(notifications) = self.notifications {
            settings.notifications = notifications;
        }
        if let Some(daily_minutes) = self.daily_minutes {
            settings.limits.daily_minutes = daily_minutes;
        }
        (settings != *current).then_some(settings)
    }
}
