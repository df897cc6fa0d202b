//! Following and unfollowing.

use std::sync::Arc;

use bus::event_row;
use contracts::events::v1::{FollowChanged, FollowState, event::Fact};
use domain::{
    Follow, FollowStatus, Id, Role, Timestamp, User, UserId,
    visibility::{Sight, Viewer},
};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use runtime::Clock;
use store::{Operation, Outbox};

use crate::{
    AuthError,
    accounts::UserRef,
    copies::Copies,
    mongo::{FOLLOW_INDEX, FollowChange},
    relations::{Related, Relations, viewer},
};

/// Attempts of a follow that meets another of the same two accounts.
const ATTEMPTS: usize = 3;

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
    change_id: Id<FollowChange>,
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
        let mut attempt = 1;
        loop {
            let (graph, target) = (self.clone(), target.clone());
            let follow = self
                .relations
                .store
                .transaction(operation("follow"), move |session| {
                    let (graph, target) = (graph.clone(), target.clone());
                    async move { graph.follow_in(session, act, &target).await }.boxed()
                });
            match follow.await {
                Ok(outcome) => return self.end(act, outcome).await,
                // The same follow was first, and can be read now.
                Err(error)
                    if error.duplicate_index() == Some(FOLLOW_INDEX) && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
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
        let state = match edge.status {
            FollowStatus::Accepted => {
                self.note_change(&mut *session, act, &edge, 1).await?;
                FollowState::Following
            }
            FollowStatus::Pending => FollowState::Requested,
        };
        self.tell(session, &edge, state, act.now).await?;
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
            if edge.status == FollowStatus::Accepted {
                self.note_change(&mut *session, act, &edge, -1).await?;
            }
            self.tell(session, &edge, FollowState::None, act.now)
                .await?;
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
            change_id: Id::generate(),
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

    async fn note_change(
        &self,
        session: &mut ClientSession,
        act: Act,
        edge: &Follow,
        delta: i64,
    ) -> Result<()> {
        let change = FollowChange {
            id: act.change_id,
            follower_id: edge.follower_id,
            followee_id: edge.followee_id,
            delta,
        };
        self.relations.changes.insert(session, &change).await
    }

    async fn tell(
        &self,
        session: &mut ClientSession,
        edge: &Follow,
        state: FollowState,
        now: Timestamp,
    ) -> Result<()> {
        let fact = Fact::FollowChanged(FollowChanged {
            follower_id: edge.follower_id.to_string(),
            followee_id: edge.followee_id.to_string(),
            state: state.into(),
        });
        self.outbox.put(session, &[event_row(fact, now)]).await
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
