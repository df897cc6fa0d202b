//! Following and unfollowing.

use std::sync::Arc;

use contracts::events::v1::FollowState;
use domain::{
    Follow, FollowStatus, Id, Role, Timestamp, User, UserId,
    visibility::{Sight, Viewer},
};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use runtime::Clock;
use store::{Operation, Outbox, OutboxRow};

use crate::{
    AuthError,
    accounts::UserRef,
    copies::Copies,
    follow_news,
    mongo::FollowChange,
    relations::{Related, Relations, viewer},
};

/// Makes and unmakes follows.
///
/// No account is written to: thousands may follow the same one at once, and
/// none waits for another. The counters come later, see [`crate::counting`].
#[derive(Clone)]
pub(crate) struct FollowGraph {
    pub(crate) relations: Relations,
    pub(crate) outbox: Outbox,
    pub(crate) copies: Copies,
    pub(crate) clock: Arc<dyn Clock>,
    /// Most accounts that one may follow or ask to.
    pub(crate) following_limit: u64,
}

/// What one account is to another after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) following: bool,
    pub(crate) requested: bool,
}

/// What a transaction came to, and with whom; a refusal changes nothing.
type Outcome = std::result::Result<(UserId, Standing), AuthError>;

/// What is fixed before a transaction, because it may run more than once.
#[derive(Clone, Copy)]
struct Act {
    follower_id: UserId,
    edge_id: Id<Follow>,
    now: Timestamp,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "follows",
        name,
    }
}

impl FollowGraph {
    /// Follows, or asks a private account to be allowed to. Doing it again
    /// changes nothing.
    pub(crate) async fn follow(
        &self,
        follower_id: UserId,
        target: UserRef,
    ) -> std::result::Result<Standing, AuthError> {
        let act = self.begin(follower_id);
        let graph = self.clone();
        let follow = self
            .relations
            .transact(operation("follow"), move |session| {
                let (graph, target) = (graph.clone(), target.clone());
                async move { graph.follow_in(session, act, &target).await }.boxed()
            });
        self.end(act, follow.await?).await
    }

    async fn follow_in(
        &self,
        session: &mut ClientSession,
        act: Act,
        target: &UserRef,
    ) -> Result<Outcome> {
        let relations = &self.relations;
        let (follower, target) = relations
            .meet(&mut *session, act.follower_id, target)
            .await?;
        let target = match may_follow(follower, target) {
            Ok(allowed) => allowed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let relation = target.relation;
        if relation.following || relation.requested {
            let standing = Standing {
                following: relation.following,
                requested: relation.requested,
            };
            return Ok(Ok((target.user.id, standing)));
        }
        let follows = &relations.follows;
        let count = follows.outgoing_count(&mut *session, act.follower_id, self.following_limit);
        if count.await? >= self.following_limit {
            return Ok(Err(AuthError::FollowingLimitReached));
        }
        let edge = Follow {
            id: act.edge_id,
            follower_id: act.follower_id,
            followee_id: target.user.id,
            status: if target.user.is_private {
                FollowStatus::Pending
            } else {
                FollowStatus::Accepted
            },
            created_at: act.now,
        };
        follows.insert(&mut *session, &edge).await?;
        let (state, rows) = match edge.status {
            FollowStatus::Accepted => {
                let change = FollowChange::begun(&edge);
                relations.changes.insert(&mut *session, &change).await?;
                // The followee is told when it is counted, of many at once.
                (FollowState::Following, None)
            }
            FollowStatus::Pending => {
                let asked = follow_news::asked(&edge, act.now);
                (FollowState::Requested, Some(asked))
            }
        };
        let changed = follow_news::changed(&edge, state, act.now);
        let rows: Vec<OutboxRow> = std::iter::once(changed).chain(rows).collect();
        self.outbox.put(session, &rows).await?;
        let standing = Standing {
            following: state == FollowState::Following,
            requested: state == FollowState::Requested,
        };
        Ok(Ok((target.user.id, standing)))
    }

    /// Follows no longer, also somebody whom the caller cannot see any more,
    /// or takes a request back.
    pub(crate) async fn unfollow(
        &self,
        follower_id: UserId,
        target: UserRef,
    ) -> std::result::Result<Standing, AuthError> {
        let act = self.begin(follower_id);
        let (graph, target) = (self.clone(), target);
        let unfollow = self
            .relations
            .store
            .transaction(operation("unfollow"), move |session| {
                let (graph, target) = (graph.clone(), target.clone());
                async move { graph.unfollow_in(session, act, &target).await }.boxed()
            });
        self.end(act, unfollow.await?).await
    }

    async fn unfollow_in(
        &self,
        session: &mut ClientSession,
        act: Act,
        target: &UserRef,
    ) -> Result<Outcome> {
        let relations = &self.relations;
        let (follower, related) = relations
            .meet(&mut *session, act.follower_id, target)
            .await?;
        let follower = match viewer(follower) {
            Ok(follower) => follower,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let followee_id = match (&related, target) {
            (Some(related), _) => related.user.id,
            // Follows outlive an account that cannot be read.
            (None, UserRef::Id(id)) => *id,
            (None, UserRef::Name(_)) => return Ok(Err(AuthError::UserNotFound)),
        };
        if followee_id == act.follower_id {
            return Ok(Err(AuthError::CannotFollowYourself));
        }
        let follows = &relations.follows;
        let removed = follows.remove(&mut *session, act.follower_id, followee_id);
        if let Some(edge) = removed.await? {
            self.note_end(session, &edge, act.now).await?;
        } else if !related.is_some_and(|it| it.is_visible_to(&follower, Sight::Profile)) {
            return Ok(Err(AuthError::UserNotFound));
        }
        let standing = Standing {
            following: false,
            requested: false,
        };
        Ok(Ok((followee_id, standing)))
    }

    fn begin(&self, follower_id: UserId) -> Act {
        Act {
            follower_id,
            edge_id: Id::generate(),
            now: self.clock.now(),
        }
    }

    /// Sets going what follows from a commit. Copies are forgotten also where
    /// nothing was changed: whoever did change it may not have come to it.
    async fn end(&self, act: Act, outcome: Outcome) -> std::result::Result<Standing, AuthError> {
        let (followee_id, standing) = outcome?;
        self.outbox.wake();
        self.relations.changes.wake();
        let forget = self.copies.forget_relation(act.follower_id, followee_id);
        forget.await;
        Ok(standing)
    }

    /// What a removed edge leaves behind, in the transaction that removed it.
    pub(crate) async fn note_end(
        &self,
        session: &mut ClientSession,
        edge: &Follow,
        now: Timestamp,
    ) -> Result<()> {
        if edge.status == FollowStatus::Accepted {
            let change = FollowChange::ended(edge);
            self.relations
                .changes
                .insert(&mut *session, &change)
                .await?;
        }
        let changed = follow_news::changed(edge, FollowState::None, now);
        self.outbox.put(session, &[changed]).await
    }
}

/// The account to follow, if one may. A moderator may look at more than
/// others, but not follow it.
fn may_follow(
    follower: Option<User>,
    target: Option<Related>,
) -> std::result::Result<Related, AuthError> {
    let follower = Viewer {
        role: Role::User,
        ..viewer(follower)?
    };
    let target = target.ok_or(AuthError::UserNotFound)?;
    if target.user.id == follower.id {
        return Err(AuthError::CannotFollowYourself);
    }
    if !target.is_visible_to(&follower, Sight::Profile) {
        return Err(AuthError::UserNotFound);
    }
    if target.relation.blocking {
        return Err(AuthError::BlockedByYou);
    }
    Ok(target)
}
