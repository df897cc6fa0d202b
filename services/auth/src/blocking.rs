//! Blocks and mutes.

use bus::event_row;
use contracts::events::v1::{BlockChanged, event::Fact};
use domain::{
    Block, BlockKind, Id, Role, Timestamp, User, UserId,
    visibility::{Sight, Viewer},
};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use store::{Operation, OutboxRow};

use crate::{
    AuthError,
    accounts::UserRef,
    follows::FollowGraph,
    relations::{Related, viewer},
};

/// Holds things against accounts, and lets go of them.
#[derive(Clone)]
pub(crate) struct Blocking {
    pub(crate) graph: FollowGraph,
}

/// What is fixed before a transaction, because it may run more than once.
#[derive(Clone, Copy)]
struct Act {
    user_id: UserId,
    kind: BlockKind,
    block_id: Id<Block>,
    now: Timestamp,
}

/// Against whom, unless it was refused; a refusal changes nothing.
type Outcome = std::result::Result<UserId, AuthError>;

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "blocks",
        name,
    }
}

impl Blocking {
    /// Blocks or mutes an account. Doing it again changes nothing. A block ends
    /// what follows there are between the two, requests too; its end brings
    /// none of them back.
    pub(crate) async fn hold(
        &self,
        user_id: UserId,
        target: UserRef,
        kind: BlockKind,
    ) -> std::result::Result<(), AuthError> {
        let (blocking, act) = (self.clone(), self.begin(user_id, kind));
        let hold = self
            .graph
            .relations
            .transact(operation("hold"), move |session| {
                let (blocking, target) = (blocking.clone(), target.clone());
                async move { blocking.hold_in(session, act, &target).await }.boxed()
            });
        self.end(act, hold.await?).await
    }

    async fn hold_in(
        &self,
        session: &mut ClientSession,
        act: Act,
        target: &UserRef,
    ) -> Result<Outcome> {
        let relations = &self.graph.relations;
        let (own, target) = relations.meet(&mut *session, act.user_id, target).await?;
        let target = match may_hold(own, target, act.kind) {
            Ok(target) => target,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let other = target.user.id;
        if is_held(&target, act.kind) {
            return Ok(Ok(other));
        }
        let block = Block {
            id: act.block_id,
            user_id: act.user_id,
            blocked_id: other,
            kind: act.kind,
            created_at: act.now,
        };
        relations.blocks.insert(&mut *session, &block).await?;
        if act.kind == BlockKind::Block {
            // Both ways, whatever was read: a follow that is being made right
            // now must not come to stand beside the block.
            for (from, to) in [(act.user_id, other), (other, act.user_id)] {
                let cut = relations.follows.cut(&mut *session, from, to, act.now);
                if let Some(edge) = cut.await? {
                    self.graph.note_end(&mut *session, &edge, act.now).await?;
                }
            }
        }
        let row = changed(act, other);
        self.graph.outbox.put(session, &[row]).await?;
        Ok(Ok(other))
    }

    /// Blocks or mutes an account no longer, also one that the caller cannot see.
    pub(crate) async fn release(
        &self,
        user_id: UserId,
        target: UserRef,
        kind: BlockKind,
    ) -> std::result::Result<(), AuthError> {
        let (blocking, act) = (self.clone(), self.begin(user_id, kind));
        let store = &self.graph.relations.store;
        let release = store.transaction(operation("release"), move |session| {
            let (blocking, target) = (blocking.clone(), target.clone());
            async move { blocking.release_in(session, act, &target).await }.boxed()
        });
        self.end(act, release.await?).await
    }

    async fn release_in(
        &self,
        session: &mut ClientSession,
        act: Act,
        target: &UserRef,
    ) -> Result<Outcome> {
        let relations = &self.graph.relations;
        let (own, related) = relations.meet(&mut *session, act.user_id, target).await?;
        let viewer = match viewer(own) {
            Ok(viewer) => viewer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let other = match (&related, target) {
            (Some(related), _) => related.user.id,
            // What is held outlives an account that cannot be read.
            (None, UserRef::Id(id)) => *id,
            (None, UserRef::Name(_)) => return Ok(Err(AuthError::UserNotFound)),
        };
        if other == act.user_id {
            return Ok(Err(of_oneself(act.kind)));
        }
        let blocks = &relations.blocks;
        let removed = blocks.remove(&mut *session, act.user_id, other, act.kind);
        if removed.await? {
            let row = changed(act, other);
            self.graph.outbox.put(session, &[row]).await?;
        } else if !related.is_some_and(|it| it.is_visible_to(&viewer, Sight::Profile)) {
            return Ok(Err(AuthError::UserNotFound));
        }
        Ok(Ok(other))
    }

    fn begin(&self, user_id: UserId, kind: BlockKind) -> Act {
        Act {
            user_id,
            kind,
            block_id: Id::generate(),
            now: self.graph.clock.now(),
        }
    }

    /// Sets going what follows from a commit. Copies are forgotten also where
    /// nothing was changed: whoever did change it may not have come to it.
    async fn end(&self, act: Act, outcome: Outcome) -> std::result::Result<(), AuthError> {
        let other = outcome?;
        self.graph.outbox.wake();
        self.graph.relations.changes.wake();
        self.graph.copies.forget_between(act.user_id, other).await;
        Ok(())
    }
}

/// The account to block or mute, if one may. A moderator may look at more than
/// others, but acts as anybody.
fn may_hold(
    own: Option<User>,
    target: Option<Related>,
    kind: BlockKind,
) -> std::result::Result<Related, AuthError> {
    let viewer = Viewer {
        role: Role::User,
        ..viewer(own)?
    };
    let target = target.ok_or(AuthError::UserNotFound)?;
    if target.user.id == viewer.id {
        return Err(of_oneself(kind));
    }
    if is_held(&target, kind) || target.is_visible_to(&viewer, Sight::Profile) {
        Ok(target)
    } else {
        Err(AuthError::UserNotFound)
    }
}

const fn is_held(target: &Related, kind: BlockKind) -> bool {
    match kind {
        BlockKind::Block => target.relation.blocking,
        BlockKind::Mute => target.relation.muting,
    }
}

const fn of_oneself(kind: BlockKind) -> AuthError {
    match kind {
        BlockKind::Block => AuthError::CannotBlockYourself,
        BlockKind::Mute => AuthError::CannotMuteYourself,
    }
}

fn changed(act: Act, other: UserId) -> OutboxRow {
    let fact = Fact::BlockChanged(BlockChanged {
        user_id: act.user_id.to_string(),
        blocked_id: other.to_string(),
    });
    event_row(fact, act.now)
}
