//! What stands between two accounts, and what follows from it for whoever looks.

use std::collections::HashMap;

use domain::{
    BlockKind, Follow, FollowStatus, Id, User, UserId,
    visibility::{Relation, Sight, Viewer, is_visible},
};
use futures_util::{FutureExt, future::BoxFuture};
use mongodb::{ClientSession, error::Result};
use store::{Operation, Store, StoreError};

use crate::{
    AuthError,
    accounts::UserRef,
    mongo::{
        BLOCK_INDEX, Blocks, EdgeRange, FOLLOW_INDEX, FollowChanges, FollowList, Follows, Users,
    },
};

/// Accounts looked at for one page of a list: if most of them are hidden it is
/// shorter than asked for, and the next goes on behind them.
pub(crate) const LOOKED_AT_MAX: usize = 2_000;
/// Attempts of a change that meets the same change of the same two accounts.
const ATTEMPTS: usize = 3;

/// An account and how a viewer stands to it.
///
/// Its counters have what the viewer did to them, or the account to those of
/// the viewer, also while that is not counted yet.
#[derive(Clone, Debug)]
pub(crate) struct Related {
    pub(crate) user: User,
    pub(crate) relation: Relation,
}

impl Related {
    pub(crate) fn is_visible_to(&self, viewer: &Viewer, sight: Sight) -> bool {
        is_visible(viewer, &self.user.as_author(), &self.relation, sight)
    }
}

/// Reads accounts as somebody stands to them. What is asked of one session
/// (a snapshot, a transaction) is of one moment.
#[derive(Clone)]
pub(crate) struct Relations {
    pub(crate) store: Store,
    pub(crate) users: Users,
    pub(crate) follows: Follows,
    pub(crate) blocks: Blocks,
    pub(crate) changes: FollowChanges,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "users",
        name,
    }
}

impl Relations {
    /// Runs a transaction that makes something between two accounts. If another
    /// has made the same first, it is run again, and can read it.
    pub(crate) async fn transact<T, W>(
        &self,
        operation: Operation,
        work: W,
    ) -> std::result::Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'a> FnMut(&'a mut ClientSession) -> BoxFuture<'a, Result<T>>
            + Clone
            + Send
            + 'static,
    {
        let mut attempt = 1;
        loop {
            let outcome = self.store.transaction(operation, work.clone()).await;
            match outcome {
                Err(error)
                    if matches!(error.duplicate_index(), Some(FOLLOW_INDEX | BLOCK_INDEX))
                        && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// `viewer_id`'s own account, and how it stands to those of `ids` that exist.
    pub(crate) async fn of(
        &self,
        viewer_id: UserId,
        ids: Vec<UserId>,
    ) -> std::result::Result<(Option<User>, Vec<Related>), AuthError> {
        let relations = self.clone();
        let read = self.store.snapshot(operation("relations"), move |session| {
            let (relations, ids) = (relations.clone(), ids.clone());
            async move {
                let (users, viewer) = (&relations.users, UserRef::Id(viewer_id));
                let viewer = users.find_in(&mut *session, &viewer).await?;
                let users = users.find_many_in(&mut *session, &ids).await?;
                let related = relations.relate(session, viewer_id, users).await?;
                Ok((viewer, related))
            }
            .boxed()
        });
        Ok(read.await?)
    }

    /// How `viewer_id` stands to whoever has one of `names`, in any case.
    pub(crate) async fn named(
        &self,
        viewer_id: UserId,
        names: &[String],
    ) -> std::result::Result<Vec<Related>, AuthError> {
        let names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        let relations = self.clone();
        let read = self.store.snapshot(operation("named"), move |session| {
            let (relations, names) = (relations.clone(), names.clone());
            async move {
                let users = relations.users.find_named_in(&mut *session, &names).await?;
                relations.relate(session, viewer_id, users).await
            }
            .boxed()
        });
        Ok(read.await?)
    }

    /// `viewer_id`'s own account, and how it stands to the one that `target` names.
    pub(crate) async fn to(
        &self,
        viewer_id: UserId,
        target: UserRef,
    ) -> std::result::Result<(Option<User>, Option<Related>), AuthError> {
        let relations = self.clone();
        let read = self.store.snapshot(operation("relation"), move |session| {
            let (relations, target) = (relations.clone(), target.clone());
            async move {
                let meeting = relations.meet(&mut *session, viewer_id, &target);
                let (viewer, mut related) = meeting.await?;
                let one = related.as_mut_slice();
                relations.complete(session, viewer_id, one).await?;
                Ok((viewer, related))
            }
            .boxed()
        });
        Ok(read.await?)
    }

    /// As [`Relations::to`], as `session` sees it, with the counters as they
    /// are stored.
    pub(crate) async fn meet(
        &self,
        session: &mut ClientSession,
        viewer_id: UserId,
        target: &UserRef,
    ) -> Result<(Option<User>, Option<Related>)> {
        let viewer = UserRef::Id(viewer_id);
        let viewer = self.users.find_in(&mut *session, &viewer).await?;
        let Some(user) = self.users.find_in(&mut *session, target).await? else {
            return Ok((viewer, None));
        };
        let relations = self.between(session, viewer_id, &[user.id]).await?;
        let relation = relations.get(&user.id).copied().unwrap_or_default();
        Ok((viewer, Some(Related { user, relation })))
    }

    /// An account as it is for itself: with everything in its counters.
    pub(crate) async fn own(
        &self,
        user_id: UserId,
    ) -> std::result::Result<Option<User>, AuthError> {
        let relations = self.clone();
        let read = self.store.snapshot(operation("own"), move |session| {
            let relations = relations.clone();
            async move {
                let target = UserRef::Id(user_id);
                let mut found = relations.users.find_in(&mut *session, &target).await?;
                if let Some(user) = &mut found {
                    relations.complete_own(session, user).await?;
                }
                Ok(found)
            }
            .boxed()
        });
        Ok(read.await?)
    }

    /// The members of a part of a list as `viewer_id` stands to them.
    pub(crate) async fn members(
        &self,
        session: &mut ClientSession,
        viewer_id: UserId,
        range: EdgeRange,
    ) -> Result<Members> {
        let edges = self.follows.page(&mut *session, range).await?;
        let ids: Vec<UserId> = edges.iter().map(|edge| range.list.member(edge)).collect();
        let mut related = self.among(session, viewer_id, &ids).await?;
        let last = edges.last().map(|edge| edge.id);
        let is_end = edges.len() < range.limit;
        let in_order = edges.into_iter().filter_map(|edge| {
            let related = related.remove(&range.list.member(&edge))?;
            Some((edge, related))
        });
        Ok(Members {
            related: in_order.collect(),
            last,
            is_end,
        })
    }

    /// Those of `ids` that exist, as `viewer_id` stands to them.
    pub(crate) async fn among(
        &self,
        session: &mut ClientSession,
        viewer_id: UserId,
        ids: &[UserId],
    ) -> Result<HashMap<UserId, Related>> {
        let users = self.users.find_many_in(&mut *session, ids).await?;
        let related = self.relate(session, viewer_id, users).await?;
        Ok(related.into_iter().map(|it| (it.user.id, it)).collect())
    }

    /// Each of `users` as `viewer_id` stands to it, in their order.
    pub(crate) async fn relate(
        &self,
        session: &mut ClientSession,
        viewer_id: UserId,
        users: Vec<User>,
    ) -> Result<Vec<Related>> {
        let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
        let relations = self.between(&mut *session, viewer_id, &ids).await?;
        let relation = |id| relations.get(&id).copied().unwrap_or_default();
        let mut related: Vec<Related> = users
            .into_iter()
            .map(|user| Related {
                relation: relation(user.id),
                user,
            })
            .collect();
        self.complete(session, viewer_id, &mut related).await?;
        Ok(related)
    }

    /// How `viewer_id` stands to those of `others` between which and it there is anything.
    async fn between(
        &self,
        session: &mut ClientSession,
        viewer_id: UserId,
        others: &[UserId],
    ) -> Result<HashMap<UserId, Relation>> {
        let mut relations = HashMap::<UserId, Relation>::new();
        if others.is_empty() {
            return Ok(relations);
        }
        let edges = self.follows.between(&mut *session, viewer_id, others);
        for edge in edges.await? {
            let is_accepted = edge.status == FollowStatus::Accepted;
            if edge.follower_id == viewer_id {
                let relation = relations.entry(edge.followee_id).or_default();
                relation.following = is_accepted;
                relation.requested = !is_accepted;
            } else {
                let relation = relations.entry(edge.follower_id).or_default();
                relation.followed_by = is_accepted;
            }
        }
        for block in self.blocks.between(session, viewer_id, others).await? {
            let is_own = block.user_id == viewer_id;
            let other = if is_own {
                block.blocked_id
            } else {
                block.user_id
            };
            let relation = relations.entry(other).or_default();
            match (is_own, block.kind) {
                (true, BlockKind::Block) => relation.blocking = true,
                (true, BlockKind::Mute) => relation.muting = true,
                (false, BlockKind::Block) => relation.blocked_by = true,
                // Whoever is muted is not to know.
                (false, BlockKind::Mute) => {}
            }
        }
        Ok(relations)
    }

    /// Adds to the counters of `related` what `viewer_id` must see in them at
    /// once: what it did to them or they to it, and its own.
    async fn complete(
        &self,
        session: &mut ClientSession,
        viewer_id: UserId,
        related: &mut [Related],
    ) -> Result<()> {
        let mut others = HashMap::new();
        for one in related {
            if one.user.id == viewer_id {
                self.complete_own(&mut *session, &mut one.user).await?;
            } else {
                others.insert(one.user.id, &mut one.user);
            }
        }
        if others.is_empty() {
            return Ok(());
        }
        let ids: Vec<UserId> = others.keys().copied().collect();
        for change in self.changes.between(session, viewer_id, &ids).await? {
            if change.follower_id == viewer_id {
                if let Some(followee) = others.get_mut(&change.followee_id) {
                    followee.followers_count += change.delta;
                }
            } else if let Some(follower) = others.get_mut(&change.follower_id) {
                follower.following_count += change.delta;
            }
        }
        Ok(())
    }

    /// Adds to the counters of an account everything that they lack.
    pub(crate) async fn complete_own(
        &self,
        session: &mut ClientSession,
        user: &mut User,
    ) -> Result<()> {
        let (followers, following) = (FollowList::Followers, FollowList::Following);
        let changes = &self.changes;
        user.followers_count += changes.lacking(&mut *session, followers, user.id).await?;
        user.following_count += changes.lacking(session, following, user.id).await?;
        Ok(())
    }
}

/// The members of a part of a list.
pub(crate) struct Members {
    /// Each with its edge, in the order of the list. Accounts that cannot be
    /// read are left out.
    pub(crate) related: Vec<(Follow, Related)>,
    /// The last edge, to go on behind.
    pub(crate) last: Option<Id<Follow>>,
    /// Whether the list ends here.
    pub(crate) is_end: bool,
}

/// An account that is in use.
pub(crate) fn active(user: Option<User>) -> std::result::Result<User, AuthError> {
    let user = user.ok_or(AuthError::UserNotFound)?;
    if user.is_active() {
        Ok(user)
    } else {
        Err(AuthError::AccountNotActive)
    }
}

/// An account that is in use, as somebody who looks.
pub(crate) fn viewer(user: Option<User>) -> std::result::Result<Viewer, AuthError> {
    active(user).map(|user| Viewer {
        id: user.id,
        role: user.role,
    })
}
