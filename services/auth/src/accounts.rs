//! Accounts: registration, the own profile, other people's.

use std::sync::Arc;

use bus::event_row;
use contracts::events::v1::{UserChanged, event::Fact};
use domain::{
    BirthDate, Email, NotificationSettings, PrivacySettings, Timestamp, User, UserId, UserSettings,
    Username, check_bio, check_full_name, check_media_url, check_password, visibility::Sight,
};
use futures_util::FutureExt;
use mongodb::ClientSession;
use runtime::Clock;
use secrecy::{ExposeSecret, SecretString};
use store::{Operation, Outbox};
use web::Faults;

use crate::{
    AuthError,
    copies::Copies,
    mongo::{UserChanges, taken},
    passwords::Passwords,
    relations::{Related, Relations, active, viewer},
    sessions::{Device, LoggedIn, Sessions},
};

/// What a person fills in to register, not yet checked.
pub(crate) struct Registration {
    pub(crate) email: String,
    pub(crate) password: SecretString,
    pub(crate) username: String,
    pub(crate) full_name: String,
    pub(crate) dob: String,
}

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
    pub(crate) sessions: Sessions,
    pub(crate) passwords: Passwords,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) minimum_age: i16,
}

impl Accounts {
    /// Makes an account and logs it in, both or neither.
    pub(crate) async fn register(
        &self,
        registration: Registration,
        device: Device,
    ) -> Result<LoggedIn, AuthError> {
        let now = self.clock.now();
        let checked = self.check(&registration, now)?;
        let hash = self.passwords.hash(registration.password).await?;
        let user = User {
            id: UserId::generate(),
            username_lower: Some(checked.username.as_str().to_owned()),
            username: checked.username.as_str().to_owned(),
            email_lower: Some(checked.email.folded()),
            email: Some(checked.email.as_str().to_owned()),
            password: Some(hash),
            full_name: registration.full_name.trim().to_owned(),
            bio: String::new(),
            avatar_url: None,
            is_verified: false,
            is_shadow_banned: false,
            followers_count: 0,
            following_count: 0,
            posts_count: 0,
            posts_count_version: 0,
            settings: UserSettings::default(),
            created_at: Some(now),
            dob: Some(checked.dob.midnight()),
            role: domain::Role::default(),
            is_private: false,
            status: domain::UserStatus::default(),
            tokens_valid_after: None,
            updated_at: Some(now),
        };
        let session = self.sessions.begin(user.id, device, now);
        self.relations
            .users
            .insert_with_session(&user, &session)
            .await?;
        self.sessions.logged_in(user, &session)
    }

    fn check(
        &self,
        registration: &Registration,
        now: Timestamp,
    ) -> Result<CheckedRegistration, AuthError> {
        let mut faults = Faults::default();
        let email = faults.note("email", Email::parse(&registration.email));
        let username = faults.note("username", Username::parse(&registration.username));
        faults.note(
            "password",
            check_password(registration.password.expose_secret()),
        );
        faults.note("full_name", check_full_name(&registration.full_name));
        let dob = faults.note("dob", BirthDate::parse(&registration.dob, now));
        if dob.is_some_and(|dob| dob.age(now) < self.minimum_age) {
            let message = format!("you must be at least {} years old", self.minimum_age);
            faults.add("dob", message);
        }
        match (email, username, dob) {
            (Some(email), Some(username), Some(dob)) if faults.is_empty() => {
                Ok(CheckedRegistration {
                    email,
                    username,
                    dob,
                })
            }
            _ => Err(AuthError::InvalidFields(faults.0)),
        }
    }

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
        let standing_changed = changes.is_private.is_some();
        let change = self
            .relations
            .users
            .change(&mut *session, user_id, changes, now);
        let Some(mut user) = change.await? else {
            return Ok(None);
        };
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

struct CheckedRegistration {
    email: Email,
    username: Username,
    dob: BirthDate,
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
