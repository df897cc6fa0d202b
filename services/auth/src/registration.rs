//! Making accounts.

use domain::{
    BirthDate, Email, Role, Session, SessionId, Timestamp, User, UserId, UserSettings, UserStatus,
    Username, check_full_name, check_password,
};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use store::{Operation, Repeatable};
use web::Faults;

use crate::{
    AuthError,
    accounts::Accounts,
    mongo::{Mail, MailPurpose, Recipient, taken},
    passwords::Verdict,
    sessions::{Device, LoggedIn},
    user_search::account_words,
};

/// What a person fills in to register, not yet checked.
pub(crate) struct Registration {
    pub(crate) email: String,
    pub(crate) password: SecretString,
    pub(crate) username: String,
    pub(crate) full_name: String,
    pub(crate) dob: String,
}

/// What an account begins with.
pub(crate) struct Beginning<'a> {
    pub(crate) email: &'a Email,
    pub(crate) username: &'a Username,
    pub(crate) full_name: &'a str,
    pub(crate) dob: Option<BirthDate>,
    /// The hash.
    pub(crate) password: String,
}

struct CheckedRegistration {
    email: Email,
    username: Username,
    dob: BirthDate,
}

impl Accounts {
    /// Makes an account and logs it in, both or neither.
    ///
    /// A `request` that is repeated gets the same login again, if it knows the
    /// password. What is kept for that is the session, not its token.
    pub(crate) async fn register(
        &self,
        registration: Registration,
        device: Device,
        request: Option<Repeatable>,
    ) -> Result<LoggedIn, AuthError> {
        let now = self.clock.now();
        let checked = self.check(&registration, now)?;
        let (email, password) = (checked.email.folded(), registration.password);
        let repeated = Repetition {
            email: &email,
            password: &password,
            device: &device,
            request: request.as_ref(),
        };
        if let Some(logged_in) = self.registered_before(&repeated).await? {
            return Ok(logged_in);
        }
        let user = account(
            Beginning {
                email: &checked.email,
                username: &checked.username,
                full_name: registration.full_name.trim(),
                dob: Some(checked.dob),
                password: self.passwords.hash(password.clone()).await?,
            },
            now,
        );
        let session = self.sessions.begin(user.id, device.clone(), now);
        match self.open(&user, &session, request.as_ref()).await {
            Ok(()) => {
                self.mails.wake();
                self.sessions.logged_in(user, &session)
            }
            // Perhaps the same request, which was first.
            Err(error @ (AuthError::EmailTaken | AuthError::UsernameTaken)) => {
                self.registered_before(&repeated).await?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    fn check(
        &self,
        registration: &Registration,
        now: Timestamp,
    ) -> Result<CheckedRegistration, AuthError> {
        let mut faults = Faults::default();
        let names = [&registration.email, &registration.username].map(String::as_str);
        let names = check_names(
            &mut faults,
            names,
            &registration.full_name,
            &registration.password,
        );
        let dob = faults.note("dob", BirthDate::parse(&registration.dob, now));
        if dob.is_some_and(|dob| dob.age(now) < self.minimum_age) {
            let message = format!("you must be at least {} years old", self.minimum_age);
            faults.add("dob", message);
        }
        match (names, dob) {
            (Some((email, username)), Some(dob)) if faults.is_empty() => Ok(CheckedRegistration {
                email,
                username,
                dob,
            }),
            _ => Err(AuthError::InvalidFields(faults.0)),
        }
    }

    /// Stores an account with its first session, the mail that it is asked to
    /// answer, and what a repetition of the request needs.
    async fn open(
        &self,
        user: &User,
        session: &Session,
        request: Option<&Repeatable>,
    ) -> Result<(), AuthError> {
        let operation = Operation {
            collection: "users",
            name: "open",
        };
        let now = session.created_at;
        let mail = Mail::new(MailPurpose::VerifyEmail, Recipient::UserId(user.id), now);
        let answer = session.id.to_string();
        let record = request.map(|request| request.record(user.id, now, &answer));
        let everything = (self.clone(), user.clone(), session.clone(), mail, record);
        let open = self
            .relations
            .store
            .transaction(operation, move |transaction| {
                let (accounts, user, session, mail, record) = everything.clone();
                async move {
                    let users = &accounts.relations.users;
                    users.insert_in(&mut *transaction, &user).await?;
                    let sessions = &accounts.sessions.store;
                    sessions.insert_in(&mut *transaction, &session).await?;
                    accounts.mails.insert_in(&mut *transaction, &mail).await?;
                    if let Some(record) = record {
                        accounts.answers.insert(transaction, &record).await?;
                    }
                    Ok(())
                }
                .boxed()
            });
        open.await.map_err(taken)
    }

    /// The login of the same request, if it was made before; `None` if the
    /// e-mail address has no account.
    async fn registered_before(
        &self,
        repeated: &Repetition<'_>,
    ) -> Result<Option<LoggedIn>, AuthError> {
        let Some(request) = repeated.request else {
            return Ok(None);
        };
        let users = &self.relations.users;
        let Some(user) = users.find_by_email(repeated.email).await? else {
            return Ok(None);
        };
        let session = self.answers.answered(user.id, request).await?;
        let session = session.and_then(|id| id.parse::<SessionId>().ok());
        let session = session.ok_or(AuthError::EmailTaken)?;
        let (attempts, address) = (&self.sessions.attempts, repeated.device.address());
        attempts.begin_password(repeated.email, address).await?;
        let password = repeated.password.clone();
        let verdict = self.passwords.verify(password, user.password.clone());
        if verdict.await? == Verdict::Wrong {
            return Err(AuthError::EmailTaken);
        }
        attempts.password_was_right(repeated.email, address).await;
        let session = self.sessions.store.find(session).await?;
        let is_alive = |it: &Session| it.revoked_at.is_none() && it.expires_at > self.clock.now();
        let session = session.filter(is_alive).ok_or(AuthError::EmailTaken)?;
        let user = self.own(user.id).await?;
        self.sessions.logged_in(user, &session).map(Some)
    }
}

/// What may show that a registration was made before.
struct Repetition<'a> {
    /// In lower case.
    email: &'a str,
    password: &'a SecretString,
    device: &'a Device,
    request: Option<&'a Repeatable>,
}

/// Checks what every account begins with: e-mail address and username, the
/// name that is shown, and the password. Without these names there are faults;
/// with them there may be.
pub(crate) fn check_names(
    faults: &mut Faults,
    [email, username]: [&str; 2],
    full_name: &str,
    password: &SecretString,
) -> Option<(Email, Username)> {
    let checked_email = faults.note("email", Email::parse(email));
    let checked_username = faults.note("username", Username::parse(username));
    let password = check_password(password.expose_secret(), &[username, email]);
    faults.note("password", password);
    faults.note("full_name", check_full_name(full_name));
    checked_email.zip(checked_username)
}

/// An account as it is when it begins.
pub(crate) fn account(beginning: Beginning<'_>, now: Timestamp) -> User {
    let Beginning {
        email,
        username,
        full_name,
        dob,
        password,
    } = beginning;
    User {
        id: UserId::generate(),
        username_lower: Some(username.as_str().to_owned()),
        search_words: account_words(username.as_str(), full_name),
        username: username.as_str().to_owned(),
        email_lower: Some(email.folded()),
        email: Some(email.as_str().to_owned()),
        password: Some(password),
        full_name: full_name.to_owned(),
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
        dob: dob.map(BirthDate::midnight),
        role: Role::default(),
        is_private: false,
        status: UserStatus::default(),
        tokens_valid_after: None,
        updated_at: Some(now),
        last_login_at: None,
        email_verified_at: None,
        deleted_at: None,
        erasure_began_at: None,
    }
}
