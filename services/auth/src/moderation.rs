//! What moderators and administrators decide about accounts.

use std::sync::Arc;

use bus::event_row;
use contracts::events::v1::{UserChanged, event::Fact};
use domain::{
    Act, AuditEntry, Id, ReportId, Role, Standing, Target, Timestamp, User, UserId, UserStatus,
    visibility::{Relation, Sight, Viewer, is_visible},
};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use runtime::Clock;
use store::{Operation, Outbox};

use crate::{
    AuthError,
    accounts::UserRef,
    copies::Copies,
    mongo::{AuditLog, SessionStore},
    relations::{Relations, active},
    revocation::RevocationPublisher,
};

/// Changes accounts of others, and writes down who did.
#[derive(Clone)]
pub(crate) struct Moderation {
    pub(crate) relations: Relations,
    pub(crate) sessions: SessionStore,
    pub(crate) revocations: RevocationPublisher,
    pub(crate) log: AuditLog,
    pub(crate) outbox: Outbox,
    pub(crate) copies: Copies,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Who decides, why, and when: fixed before a transaction, which may run more
/// than once.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    /// `None` is whoever operates the deployment.
    pub(crate) actor_id: Option<UserId>,
    pub(crate) case_id: Option<ReportId>,
    pub(crate) reason: Option<String>,
    pub(crate) at: Timestamp,
}

/// What is going to change of an account.
pub(crate) struct Plan {
    target: User,
    before: Standing,
    after: Standing,
}

/// An account after a decision.
pub(crate) struct Decided {
    pub(crate) user: User,
    /// Whether its logins were ended.
    has_lost_logins: bool,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "users",
        name,
    }
}

impl Moderation {
    /// The account of a moderator or administrator; anybody else is refused.
    pub(crate) async fn moderator(&self, id: UserId) -> std::result::Result<User, AuthError> {
        moderating(active(self.relations.own(id).await?)?)
    }

    /// An account as moderators see it.
    pub(crate) async fn inspect(
        &self,
        actor_id: UserId,
        target: Option<UserRef>,
    ) -> std::result::Result<User, AuthError> {
        let actor = self.moderator(actor_id).await?;
        let target = target.ok_or(AuthError::UserNotFound)?;
        let (_, target) = self.relations.to(actor_id, target).await?;
        judged(&actor, target.ok_or(AuthError::UserNotFound)?.user)
    }

    /// Changes the account of somebody else, and returns it as it is then.
    pub(crate) async fn change(
        &self,
        actor_id: UserId,
        target: Option<UserRef>,
        wanted: Standing,
        reason: Option<String>,
    ) -> std::result::Result<User, AuthError> {
        self.moderator(actor_id).await?;
        let target = target.ok_or(AuthError::UserNotFound)?;
        let decision = Decision {
            actor_id: Some(actor_id),
            case_id: None,
            reason,
            at: self.clock.now(),
        };
        let moderation = self.clone();
        let change = self
            .relations
            .store
            .transaction(operation("moderate"), move |session| {
                let (moderation, target) = (moderation.clone(), target.clone());
                let decision = decision.clone();
                async move {
                    let actor = match moderation.begin_in(&mut *session, actor_id).await? {
                        Ok(actor) => actor,
                        Err(refusal) => return Ok(Err(refusal)),
                    };
                    let plan = moderation.plan_in(&mut *session, &actor, &target, wanted);
                    match plan.await? {
                        Ok(plan) => moderation
                            .carry_out_in(session, plan, &decision)
                            .await
                            .map(Ok),
                        Err(refusal) => Ok(Err(refusal)),
                    }
                }
                .boxed()
            });
        let decided = change.await??;
        self.settle(&decided).await;
        Ok(decided.user)
    }

    /// The account of whoever decides. It is written to, so that a decision and
    /// the loss of the right to it collide: of two administrators who demote
    /// each other, one stays.
    pub(crate) async fn begin_in(
        &self,
        session: &mut ClientSession,
        actor_id: UserId,
    ) -> Result<std::result::Result<User, AuthError>> {
        let actor = self
            .relations
            .users
            .begin_decision(session, actor_id)
            .await?;
        let actor = actor.ok_or(AuthError::Forbidden);
        Ok(actor.and_then(|actor| moderating(active(Some(actor))?)))
    }

    /// What becomes of an account if what is `wanted` is done, or why it must
    /// not be. Only reads.
    pub(crate) async fn plan_in(
        &self,
        session: &mut ClientSession,
        actor: &User,
        target: &UserRef,
        wanted: Standing,
    ) -> Result<std::result::Result<Plan, AuthError>> {
        let found = self.relations.users.find_in(session, target).await?;
        Ok(may_change(actor, found, wanted).map(|target| Plan::of(target, wanted)))
    }

    /// Changes an account, with the entry in the log and what others are told.
    /// Call [`Moderation::settle`] after the commit.
    pub(crate) async fn carry_out_in(
        &self,
        session: &mut ClientSession,
        plan: Plan,
        decision: &Decision,
    ) -> Result<Decided> {
        let Plan {
            target,
            before,
            after,
        } = plan;
        if after.is_empty() {
            return Ok(Decided {
                user: target,
                has_lost_logins: false,
            });
        }
        let (id, at) = (target.id, decision.at);
        let changed = self
            .relations
            .users
            .set_standing(&mut *session, id, after, at);
        let user = changed.await?.unwrap_or(target);
        let has_lost_logins = after.status == Some(UserStatus::Suspended);
        if has_lost_logins {
            self.sessions.revoke_all_in(&mut *session, id, at).await?;
        }
        let act = Act::AccountChanged { before, after };
        let entry = decision.entry(act, id.into());
        self.log.insert(&mut *session, &entry).await?;
        let fact = Fact::UserChanged(UserChanged {
            user_id: id.to_string(),
            standing_changed: after.decides_visibility(),
        });
        self.outbox.put(session, &[event_row(fact, at)]).await?;
        Ok(Decided {
            user,
            has_lost_logins,
        })
    }

    /// Sets going what follows from a commit. Copies are forgotten also where
    /// nothing was changed: whoever did change it may not have come to it.
    pub(crate) async fn settle(&self, decided: &Decided) {
        self.outbox.wake();
        let id = decided.user.id;
        if decided.has_lost_logins {
            let now = self.clock.now();
            match self.sessions.revoked_of(id, now).await {
                Ok(revoked) => self.revocations.publish(&revoked, now).await,
                Err(error) => {
                    tracing::warn!(user.id = %id, %error, "revocation left to the next pass");
                }
            }
        }
        self.copies.forget_user(id).await;
    }
}

impl Decision {
    /// A decision of whoever operates the deployment.
    pub(crate) const fn of_operator(at: Timestamp) -> Self {
        Self {
            actor_id: None,
            case_id: None,
            reason: None,
            at,
        }
    }

    /// The entry in the log for what was decided.
    pub(crate) fn entry(&self, act: Act, target: Target) -> AuditEntry {
        AuditEntry {
            id: Id::generate(),
            actor_id: self.actor_id,
            act,
            target_type: target.kind,
            target_id: target.id,
            case_id: self.case_id,
            reason: self.reason.clone(),
            created_at: self.at,
        }
    }
}

/// An account that has the right to moderate.
fn moderating(user: User) -> std::result::Result<User, AuthError> {
    match user.role {
        Role::Moderator | Role::Admin => Ok(user),
        Role::User => Err(AuthError::Forbidden),
    }
}

/// The account `target`, if `actor` may judge it. Moderators see every account
/// but those that were deleted.
fn judged(actor: &User, target: User) -> std::result::Result<User, AuthError> {
    let viewer = Viewer {
        id: actor.id,
        role: actor.role,
    };
    let relation = Relation::default();
    if is_visible(&viewer, &target.as_author(), &relation, Sight::Profile) {
        Ok(target)
    } else {
        Err(AuthError::UserNotFound)
    }
}

/// The account to change, if `actor` may do what is `wanted`. Roles are for
/// administrators to give, also to moderators, whom nobody else may touch; and
/// nobody decides about themselves.
fn may_change(
    actor: &User,
    target: Option<User>,
    wanted: Standing,
) -> std::result::Result<User, AuthError> {
    let target = judged(actor, target.ok_or(AuthError::UserNotFound)?)?;
    if actor.role != Role::Admin && (wanted.role.is_some() || target.role != Role::User) {
        return Err(AuthError::Forbidden);
    }
    if target.id == actor.id && !wanted.is_empty() {
        return Err(AuthError::CannotModerateYourself);
    }
    Ok(target)
}

impl Plan {
    /// What of `wanted` is a change, as it was and as it will be.
    pub(crate) fn of(target: User, wanted: Standing) -> Self {
        fn changed<T: PartialEq>(old: T, new: Option<T>) -> (Option<T>, Option<T>) {
            match new {
                Some(new) if new != old => (Some(old), Some(new)),
                _ => (None, None),
            }
        }
        let is_shadow_banned = changed(target.is_shadow_banned, wanted.is_shadow_banned);
        let is_verified = changed(target.is_verified, wanted.is_verified);
        let status = changed(target.status, wanted.status);
        let role = changed(target.role, wanted.role);
        Self {
            target,
            before: Standing {
                is_shadow_banned: is_shadow_banned.0,
                is_verified: is_verified.0,
                status: status.0,
                role: role.0,
            },
            after: Standing {
                is_shadow_banned: is_shadow_banned.1,
                is_verified: is_verified.1,
                status: status.1,
                role: role.1,
            },
        }
    }
}
