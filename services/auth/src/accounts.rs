//! Accounts: registration, the own profile, other people's.

use std::sync::Arc;

use domain::{
    BirthDate, Email, NotificationSettings, PrivacySettings, Timestamp, User, UserId, UserSettings,
    Username, check_avatar_url, check_bio, check_full_name, check_password,
};
use runtime::Clock;
use secrecy::{ExposeSecret, SecretString};
use web::FieldError;

use crate::{
    AuthError,
    mongo::{UserChanges, Users},
    passwords::Passwords,
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
#[derive(Debug)]
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
    pub(crate) users: Users,
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
        self.users.insert_with_session(&user, &session).await?;
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
            _ => Err(faults.into()),
        }
    }

    /// The caller's own account.
    pub(crate) async fn own(&self, user_id: UserId) -> Result<User, AuthError> {
        let user = self.users.find(user_id).await?;
        let user = user.ok_or(AuthError::UserNotFound)?;
        if user.is_active() {
            Ok(user)
        } else {
            Err(AuthError::AccountNotActive)
        }
    }

    /// Another account as `viewer` may see it. Whoever is suspended, deleted
    /// or shadow-banned is not there, except to themselves.
    pub(crate) async fn visible_to(
        &self,
        viewer: UserId,
        target: &UserRef,
    ) -> Result<User, AuthError> {
        let user = match target {
            UserRef::Id(id) => self.users.find(*id).await?,
            UserRef::Name(name) => self.users.find_by_name(name).await?,
        };
        user.filter(|user| user.id == viewer || (user.is_active() && !user.is_shadow_banned))
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
        self.users
            .change(user_id, changes, self.clock.now())
            .await?
            .ok_or(AuthError::UserNotFound)
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
        faults.note("avatar_url", check_avatar_url(avatar_url));
    }
    let username = change
        .username
        .and_then(|text| faults.note("username", Username::parse(&text)));
    if !faults.is_empty() {
        return Err(faults.into());
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

/// Collects everything that is wrong, so that a form can show it at once.
#[derive(Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn note<T>(&mut self, field: &str, outcome: Result<T, domain::RuleViolation>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(violation) => {
                self.add(field, violation.to_string());
                None
            }
        }
    }

    fn add(&mut self, field: &str, message: String) {
        self.0.push(FieldError {
            field: field.to_owned(),
            message,
        });
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Faults> for AuthError {
    fn from(faults: Faults) -> Self {
        Self::InvalidFields(faults.0)
    }
}
