//! What moderators and operators did, for moderators to read.

use std::fmt;

use domain::{AuditEntry, Id, Target, UserId};
use web::{Faults, Paging};

use crate::{AuthError, moderation::Moderation, mongo::AuditLog};

/// The place of an entry in the log.
pub(crate) type Position = Id<AuditEntry>;

/// Who did what the log tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// Whoever operates the deployment; has no account.
    Operator,
    Account(UserId),
}

impl Actor {
    /// Takes what it is shown as: 24 hex digits or `operator`.
    fn parse(text: &str) -> Option<Self> {
        if text == Self::Operator.to_string() {
            return Some(Self::Operator);
        }
        text.parse().ok().map(Self::Account)
    }

    /// The account, if there is one.
    pub(crate) const fn id(self) -> Option<UserId> {
        match self {
            Self::Operator => None,
            Self::Account(id) => Some(id),
        }
    }
}

impl From<Option<UserId>> for Actor {
    fn from(id: Option<UserId>) -> Self {
        id.map_or(Self::Operator, Self::Account)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::Account(id) => id.fmt(f),
        }
    }
}

/// Which entries somebody wants to see; `None` is any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditQuery {
    pub(crate) actor: Option<Actor>,
    pub(crate) target: Option<Id<Target>>,
}

impl AuditQuery {
    pub(crate) fn parse(actor: Option<&str>, target: Option<&str>) -> Result<Self, AuthError> {
        let mut faults = Faults::default();
        let query = Self {
            actor: actor.and_then(Actor::parse),
            target: target.and_then(|id| id.parse().ok()),
        };
        if actor.is_some() && query.actor.is_none() {
            faults.add("actor", "must be an id, or operator");
        }
        if target.is_some() && query.target.is_none() {
            faults.add("target", "must be an id");
        }
        if faults.is_empty() {
            Ok(query)
        } else {
            Err(AuthError::InvalidFields(faults.0))
        }
    }
}

/// The log, and who may read it.
#[derive(Clone)]
pub(crate) struct Audit {
    pub(crate) moderation: Moderation,
    pub(crate) log: AuditLog,
}

impl Audit {
    /// A page of the log, newest first, and where it goes on, if it does.
    pub(crate) async fn page(
        &self,
        caller: UserId,
        query: AuditQuery,
        paging: &Paging<Position>,
    ) -> Result<(Vec<AuditEntry>, Option<Position>), AuthError> {
        self.moderation.moderator(caller).await?;
        let (after, skipped) = (paging.after().copied(), paging.skipped());
        // One more tells whether there is more.
        let entries = self.log.page(query, after, skipped, paging.limit + 1);
        let mut entries = entries.await?;
        let has_more = entries.len() > paging.limit;
        entries.truncate(paging.limit);
        let last = entries.last().map(|entry| entry.id);
        Ok((entries, last.filter(|_| has_more)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_an_account_or_the_operator() {
        let id = UserId::generate();
        let parse = |actor: &str| AuditQuery::parse(Some(actor), None).map(|it| it.actor);
        assert_eq!(parse("operator").unwrap(), Some(Actor::Operator));
        assert_eq!(parse(&id.to_string()).unwrap(), Some(Actor::Account(id)));
        assert!(parse("").is_err());
        assert!(AuditQuery::parse(None, Some("x")).is_err());
    }
}
