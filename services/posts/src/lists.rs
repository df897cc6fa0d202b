//! Posts as lists, newest first.

use std::collections::HashMap;

use domain::{Post, PostId, UserId, visibility::Sight};
use web::Paging;

use crate::{
    PostError,
    mongo::Position,
    people::{Person, Sights},
    posts::{Posts, SeenPost},
};

/// A part of a list of posts.
pub(crate) struct Page {
    pub(crate) posts: Vec<SeenPost>,
    /// Where it goes on, if it does.
    pub(crate) next: Option<Position>,
}

impl Posts {
    /// The posts of one author as `viewer` sees them.
    pub(crate) async fn by_author(
        &self,
        viewer: UserId,
        author: UserId,
        paging: &Paging<Position>,
    ) -> Result<Page, PostError> {
        let sight = |is_deleted| Sight::Content { is_deleted };
        let sights = self.people.related(viewer, &[author]).await?;
        let person = sights.of(author, Sight::Profile);
        let person = person.ok_or(PostError::UserNotFound)?;
        if sights.of(author, sight(false)).is_none() {
            return Err(if person.is_blocked() {
                PostError::UserNotFound
            } else {
                PostError::AccountPrivate
            });
        }
        let (seen, next) = self.newest_of(&sights, &[author], sight, paging).await?;
        let ids: Vec<PostId> = seen.iter().map(|(post, _)| post.id).collect();
        let intents = self.likes.intents.of(viewer, &ids).await;
        Ok(Page {
            posts: self.with_likes(viewer, &intents, seen).await?,
            next,
        })
    }

    /// The newest posts of `authors` of which there is a `sight`, as MongoDB
    /// has them, and where the list goes on.
    ///
    /// It goes by position, so that what is deleted or edited while somebody
    /// pages shifts nothing.
    pub(crate) async fn newest_of(
        &self,
        sights: &Sights,
        authors: &[UserId],
        sight: impl Fn(bool) -> Sight,
        paging: &Paging<Position>,
    ) -> Result<(Vec<(Post, Person)>, Option<Position>), PostError> {
        let end = paging.skipped() + paging.limit;
        let after = paging.after().copied();
        let mut positions = self.store.newest(authors, after, end + 1).await?;
        let has_more = positions.len() > end;
        positions.truncate(end);
        let next = positions.last().copied().filter(|_| has_more);
        let ids: Vec<PostId> = positions
            .into_iter()
            .skip(paging.skipped())
            .map(|Position(_, id)| id)
            .collect();
        let found = self.cached.find_many(&ids).await?;
        let mut found: HashMap<_, _> = found.into_iter().map(|post| (post.id, post)).collect();
        let seen = ids.iter().filter_map(|id| {
            let post = found.remove(id)?;
            // Since the list was read it may have been deleted.
            let author = sights
                .of(post.user_id, sight(post.deleted_at.is_some()))?
                .clone();
            Some((post, author))
        });
        Ok((seen.collect(), next))
    }
}
