//! Whom somebody may want to follow.

use std::collections::HashMap;

use domain::{
    FollowStatus, Role, UserId,
    visibility::{Sight, Viewer},
};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use serde::{Deserialize, Serialize};
use store::Operation;
use web::{Filling, Paging};

use crate::{
    AuthError,
    accounts::UserRef,
    mongo::{EdgeRange, FollowList},
    relations::{Related, Relations, viewer},
};

/// Whose follows are looked at: of those whom the caller follows, the newest.
const FRIENDS: usize = 100;
/// How many of the follows of each, the newest.
const EACH: i64 = 50;
/// Most accounts that are considered because friends follow them.
const CANDIDATES: i64 = 300;
/// With fewer than so many, the most followed accounts are considered too.
const ENOUGH: i64 = 100;

/// The place of an account among the suggestions: those that more friends
/// follow come first, then those that more people follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Position {
    mutual_count: i64,
    followers_count: i64,
    user_id: UserId,
}

/// An account that somebody may want to follow.
pub(crate) struct Suggestion {
    pub(crate) related: Related,
    /// How many of the accounts looked at that the caller follows follow it.
    pub(crate) mutual_count: i64,
}

/// A part of the list, and where it goes on.
pub(crate) type Page = (Vec<Suggestion>, Option<Position>);

/// Suggests friends of friends. The list is made anew for every page: whoever
/// is followed meanwhile is not in it any more, and counts may have moved.
#[derive(Clone)]
pub(crate) struct Suggestions {
    pub(crate) relations: Relations,
}

impl Suggestions {
    /// A page of the suggestions for `user_id`.
    pub(crate) async fn page(
        &self,
        user_id: UserId,
        paging: &Paging<Position>,
    ) -> std::result::Result<Page, AuthError> {
        let suggestions = self.clone();
        let operation = Operation {
            collection: "follows",
            name: "suggestions",
        };
        let all = self.relations.store.snapshot(operation, move |session| {
            let suggestions = suggestions.clone();
            async move { suggestions.all(session, user_id).await }.boxed()
        });
        let mut all = all.await??;
        all.sort_by_key(|it| std::cmp::Reverse(it.position()));
        let mut page = Filling::new(paging);
        for suggestion in all {
            let position = suggestion.position();
            if paging.after().is_none_or(|after| position < *after) {
                page.add(position, suggestion);
            }
        }
        Ok(page.finish())
    }

    /// All suggestions for `user_id`, of which there is a limited number.
    async fn all(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
    ) -> Result<std::result::Result<Vec<Suggestion>, AuthError>> {
        let (relations, own) = (&self.relations, UserRef::Id(user_id));
        let viewer = match viewer(relations.users.find_in(&mut *session, &own).await?) {
            // They come unasked: a moderator's are those of anybody.
            Ok(viewer) => Viewer {
                role: Role::User,
                ..viewer
            },
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut counts = self.of_friends(&mut *session, &viewer).await?;
        if i64::try_from(counts.len()).is_ok_and(|count| count < ENOUGH) {
            let users = &relations.users;
            for user in users.most_followed(&mut *session, ENOUGH).await? {
                counts.entry(user.id).or_default();
            }
        }
        let ids: Vec<UserId> = counts.keys().copied().collect();
        let related = relations.among(session, user_id, &ids).await?;
        let suggestions = related.into_values().filter(|it| is_new(&viewer, it));
        let suggestions = suggestions.map(|related| Suggestion {
            mutual_count: counts.get(&related.user.id).copied().unwrap_or_default(),
            related,
        });
        Ok(Ok(suggestions.collect()))
    }

    /// Whom the friends follow that `viewer` may see, and how many of them do.
    async fn of_friends(
        &self,
        session: &mut ClientSession,
        viewer: &Viewer,
    ) -> Result<HashMap<UserId, i64>> {
        let (list, status) = (FollowList::Following, FollowStatus::Accepted);
        let range = EdgeRange {
            limit: FRIENDS,
            ..EdgeRange::newest(list, viewer.id, status)
        };
        let relations = &self.relations;
        let friends = relations.members(&mut *session, viewer.id, range).await?;
        let friends = friends.related.iter().map(|(_, friend)| friend);
        let friends = friends.filter(|friend| friend.is_visible_to(viewer, Sight::Listing));
        let friends: Vec<UserId> = friends.map(|friend| friend.user.id).collect();
        let follows = &relations.follows;
        let totals = follows.of_friends(session, viewer.id, &friends, EACH, CANDIDATES);
        let totals = totals.await?.into_iter();
        Ok(totals.map(|it| (it.user_id, it.total)).collect())
    }
}

impl Suggestion {
    fn position(&self) -> Position {
        Position {
            mutual_count: self.mutual_count,
            followers_count: self.related.user.followers_count,
            user_id: self.related.user.id,
        }
    }
}

/// Whether there is nothing yet between `viewer` and an account that they may see.
fn is_new(viewer: &Viewer, related: &Related) -> bool {
    let relation = related.relation;
    let is_known = relation.following || relation.requested || relation.muting;
    related.user.id != viewer.id && !is_known && related.is_visible_to(viewer, Sight::Listing)
}
