//! Who follows an account, and whom it follows.

use domain::{
    Follow, FollowStatus, Id, User, UserId,
    visibility::{Sight, Viewer},
};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use store::Operation;
use web::{Filling, Paging};

use crate::{
    AuthError,
    accounts::UserRef,
    mongo::{EdgeRange, FollowList},
    relations::{LOOKED_AT_MAX, Members, Related, Relations, viewer},
};

/// The place of an item in a list: its edge.
pub(crate) type Position = Id<Follow>;

/// A part of a list as somebody may see it.
pub(crate) struct Page {
    pub(crate) users: Vec<Related>,
    /// The position of the last of these, if there is more.
    pub(crate) next: Option<Position>,
}

/// Reads the lists, leaving out whoever is not for the viewer's eyes.
#[derive(Clone)]
pub(crate) struct FollowLists {
    pub(crate) relations: Relations,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "follows",
        name,
    }
}

impl FollowLists {
    /// A page of a list of the account that `target` names, newest first, as
    /// it is at one moment. The next page goes on behind the last edge seen,
    /// so that what comes and goes meanwhile moves nobody into it or out of it.
    pub(crate) async fn page(
        &self,
        viewer_id: UserId,
        list: FollowList,
        target: UserRef,
        paging: &Paging<Position>,
    ) -> std::result::Result<Page, AuthError> {
        let (lists, paging) = (self.clone(), paging.clone());
        let read = self
            .relations
            .store
            .snapshot(operation(list.name()), move |session| {
                let (lists, target) = (lists.clone(), target.clone());
                let paging = paging.clone();
                async move {
                    let relations = &lists.relations;
                    let (own, target) = relations.meet(&mut *session, viewer_id, &target).await?;
                    match may_look(own, target) {
                        Ok((viewer, owner_id)) => {
                            let range = EdgeRange::newest(list, owner_id, FollowStatus::Accepted);
                            let page = scan(relations, session, &viewer, range, &paging).await?;
                            Ok(Ok(page))
                        }
                        Err(refusal) => Ok(Err(refusal)),
                    }
                }
                .boxed()
            });
        let (members, next) = read.await??;
        Ok(Page {
            users: members.into_iter().map(|(_, related)| related).collect(),
            next,
        })
    }

    /// Up to `limit` accounts that `user_id` follows, as it stands to them:
    /// those it followed first come first, behind `after`.
    pub(crate) async fn followees(
        &self,
        user_id: UserId,
        after: Option<Position>,
        limit: usize,
    ) -> std::result::Result<Members, AuthError> {
        let relations = self.relations.clone();
        let status = FollowStatus::Accepted;
        let range = EdgeRange::oldest(FollowList::Following, user_id, status, after, limit);
        let read = self
            .relations
            .store
            .snapshot(operation("followees"), move |session| {
                let relations = relations.clone();
                async move { relations.members(session, user_id, range).await }.boxed()
            });
        Ok(read.await?)
    }

    /// Up to `limit` edges of a list of `owner_id`: those that came first come
    /// first, behind `after`. No account is read.
    pub(crate) async fn edges(
        &self,
        list: FollowList,
        owner_id: UserId,
        after: Option<Position>,
        limit: usize,
    ) -> std::result::Result<Vec<Follow>, AuthError> {
        let follows = self.relations.follows.clone();
        let status = FollowStatus::Accepted;
        let range = EdgeRange::oldest(list, owner_id, status, after, limit);
        let read = self
            .relations
            .store
            .snapshot(operation("edges"), move |session| {
                let follows = follows.clone();
                async move { follows.page(session, range).await }.boxed()
            });
        Ok(read.await?)
    }
}

/// A page of the list that `range` begins, of those whom `viewer` may see: each
/// with its edge. How much to read at a time, and from where, is up to `paging`.
pub(crate) async fn scan(
    relations: &Relations,
    session: &mut ClientSession,
    viewer: &Viewer,
    range: EdgeRange,
    paging: &Paging<Position>,
) -> Result<(Vec<(Follow, Related)>, Option<Position>)> {
    let mut page = Filling::new(paging);
    let mut after = paging.after().copied();
    let mut left = paging.skipped() + LOOKED_AT_MAX;
    loop {
        let limit = page.wanted();
        let range = EdgeRange {
            after,
            limit,
            ..range
        };
        let members = relations.members(&mut *session, viewer.id, range).await?;
        for (edge, related) in members.related {
            if related.is_visible_to(viewer, Sight::Listing) {
                page.add(edge.id, (edge, related));
            }
        }
        left = left.saturating_sub(limit);
        match members.last {
            _ if members.is_end || page.is_done() => return Ok(page.finish()),
            Some(last) if left == 0 => return Ok(page.pause(last)),
            last => after = last,
        }
    }
}

/// Who looks at whose list, if they may. The lists of a private account are
/// for whoever may see what it posts.
fn may_look(
    own: Option<User>,
    target: Option<Related>,
) -> std::result::Result<(Viewer, UserId), AuthError> {
    let viewer = viewer(own)?;
    let target = target
        .filter(|target| target.is_visible_to(&viewer, Sight::Profile))
        .ok_or(AuthError::UserNotFound)?;
    let content = Sight::Content { is_deleted: false };
    if target.is_visible_to(&viewer, content) {
        Ok((viewer, target.user.id))
    } else if target.relation.blocking {
        Err(AuthError::UserNotFound)
    } else {
        Err(AuthError::AccountPrivate)
    }
}
