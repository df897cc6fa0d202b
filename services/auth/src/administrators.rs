//! Administrators that the operator makes; they give others their roles.

use std::sync::Arc;

use domain::{Act, Role, Standing, Timestamp, User, UserId};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use runtime::Clock;
use secrecy::SecretString;
use store::Operation;
use web::Faults;

use crate::{
    AuthError,
    accounts::UserRef,
    moderation::{Decision, Moderation, Plan},
    mongo::taken,
    passwords::Passwords,
    registration::{Beginning, account, check_names},
    relations::active,
};

/// Who is to be an administrator, not yet checked.
pub(crate) struct Administrator {
    pub(crate) email: String,
    pub(crate) username: String,
    pub(crate) password: SecretString,
    pub(crate) full_name: String,
}

/// An account that is an administrator now.
pub(crate) struct Created {
    pub(crate) user_id: UserId,
    /// False if it was there before, with its own name and password.
    pub(crate) is_new: bool,
}

/// Makes administrators for the operator, who has no account.
#[derive(Clone)]
pub(crate) struct Administrators {
    pub(crate) moderation: Moderation,
    pub(crate) passwords: Passwords,
    pub(crate) clock: Arc<dyn Clock>,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "users",
        name,
    }
}

impl Administrators {
    /// Raises the account with the e-mail address to an administrator, or makes
    /// one. Its age is the operator's business, and its address counts as
    /// verified.
    pub(crate) async fn create(
        &self,
        wanted: Administrator,
    ) -> std::result::Result<Created, AuthError> {
        let users = &self.moderation.relations.users;
        let email = wanted.email.to_lowercase();
        if let Some(user) = users.find_by_email(&email).await? {
            return self.raise(user.id).await;
        }
        let mut faults = Faults::default();
        let names = [&wanted.email, &wanted.username].map(String::as_str);
        let names = check_names(&mut faults, names, &wanted.full_name, &wanted.password);
        let Some((email, username)) = names.filter(|_| faults.is_empty()) else {
            return Err(AuthError::InvalidFields(faults.0));
        };
        let beginning = Beginning {
            email: &email,
            username: &username,
            full_name: wanted.full_name.trim(),
            dob: None,
            password: self.passwords.hash(wanted.password).await?,
        };
        let now = self.clock.now();
        let mut user = account(beginning, now);
        user.role = Role::Admin;
        user.email_verified_at = Some(now);
        let user_id = user.id;
        let this = self.clone();
        let store = &self.moderation.relations.store;
        let insert = store.transaction(operation("create_admin"), move |session| {
            let (this, user) = (this.clone(), user.clone());
            async move { this.insert_in(session, &user, now).await }.boxed()
        });
        insert.await.map_err(taken)?;
        Ok(Created {
            user_id,
            is_new: true,
        })
    }

    async fn insert_in(
        &self,
        session: &mut ClientSession,
        user: &User,
        now: Timestamp,
    ) -> Result<()> {
        self.moderation
            .relations
            .users
            .insert_in(session, user)
            .await?;
        let entry = Decision::of_operator(now).entry(Act::AdminCreated, user.id.into());
        self.moderation.log.insert(session, &entry).await
    }

    async fn raise(&self, id: UserId) -> std::result::Result<Created, AuthError> {
        let (moderation, now) = (self.moderation.clone(), self.clock.now());
        let store = &self.moderation.relations.store;
        let raise = store.transaction(operation("raise_admin"), move |session| {
            let moderation = moderation.clone();
            async move {
                let found = moderation
                    .relations
                    .users
                    .find_in(session, &UserRef::Id(id))
                    .await?;
                let user = match active(found) {
                    Ok(user) => user,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let admin = Standing {
                    role: Some(Role::Admin),
                    ..Standing::default()
                };
                let plan = Plan::of(user, admin);
                let decision = Decision::of_operator(now);
                moderation
                    .carry_out_in(session, plan, &decision)
                    .await
                    .map(Ok)
            }
            .boxed()
        });
        let decided = raise.await??;
        self.moderation.settle(&decided).await;
        Ok(Created {
            user_id: id,
            is_new: false,
        })
    }
}
