//! Posts as lists, newest first.

use std::{cmp::Reverse, collections::HashMap};

use domain::{Post, PostId, UserId, visibility::Sight};
use store::StoreError;
use web::{Filling, Paging};

use crate::{
    PostError,
    mongo::{Position, Stretch},
    people::{Person, Sights},
    posts::{Posts, SeenPost},
};

/// Posts of a list that are looked at for one page, beyond those before it:
/// if hardly any is for the viewer's eyes, the page is short.
const LOOKED_AT: usize = 1_000;
/// Most of them that are read at a time.
const READ_AT_ONCE: usize = 500;

/// A part of a list of posts.
pub(crate) struct Page<P = Position> {
    pub(crate) posts: Vec<SeenPost>,
    /// Where it goes on, if it does.
    pub(crate) next: Option<P>,
}

/// Which posts of a list are shown.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    /// Those of which the viewer may have this sight, by whether they are deleted.
    pub(crate) sight: fn(bool) -> Sight,
    /// And the viewer's own.
    pub(crate) has_own: bool,
}

/// A post and who made it.
pub(crate) type Authored = (Post, Person);

impl Choice {
    /// What was asked for.
    pub(crate) const CONTENT: Self = Self {
        sight: |is_deleted| Sight::Content { is_deleted },
        has_own: true,
    };

    /// Who made `post`, if it is shown to whoever has these `sights`.
    pub(crate) fn author(self, sights: &Sights, post: &Post) -> Option<Person> {
        let sight = (self.sight)(post.deleted_at.is_some());
        let is_wanted = self.has_own || sights.viewer() != post.user_id;
        let author = sights.of(post.user_id, sight).filter(|_| is_wanted);
        author.cloned()
    }
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
        Ok(Page {
            posts: self.as_seen(viewer, seen).await?,
            next,
        })
    }

    /// A page of the list that `read` reads from a position on, so many at a
    /// time, with those posts that are the `choice` for `viewer`.
    pub(crate) async fn fill(
        &self,
        viewer: UserId,
        choice: Choice,
        paging: &Paging<Position>,
        read: impl AsyncFn(Option<Position>, usize) -> Result<Stretch, StoreError>,
    ) -> Result<Page, PostError> {
        let mut page = Filling::new(paging);
        let mut after = paging.after().copied();
        let (mut looked_at, mut count) = (0, page.wanted());
        let (seen, next) = loop {
            let stretch = read(after, count).await?;
            let ids: Vec<PostId> = stretch.found.iter().map(|it| it.1).collect();
            let mut visible = self.visible(viewer, &ids, choice).await?;
            for position in stretch.found {
                if let Some(seen) = visible.remove(&position.1) {
                    page.add(position, seen);
                }
            }
            let Some(last) = stretch.last.filter(|_| !page.is_done()) else {
                break page.finish();
            };
            looked_at += count;
            // Hardly any of them was for the viewer's eyes.
            count = page.wanted().max(2 * count).min(READ_AT_ONCE);
            if looked_at >= LOOKED_AT + paging.skipped() {
                break page.pause(last);
            }
            after = Some(last);
        };
        Ok(Page {
            posts: self.as_seen(viewer, seen).await?,
            next,
        })
    }

    /// Those of `ids` that are the `choice` for `viewer`.
    pub(crate) async fn visible(
        &self,
        viewer: UserId,
        ids: &[PostId],
        choice: Choice,
    ) -> Result<HashMap<PostId, Authored>, PostError> {
        let posts = self.cached.find_many(ids).await?;
        let authors: Vec<UserId> = posts.iter().map(|post| post.user_id).collect();
        let sights = self.people.related(viewer, &authors).await?;
        let visible = posts.into_iter().filter_map(|post| {
            let author = choice.author(&sights, &post)?;
            Some((post.id, (post, author)))
        });
        Ok(visible.collect())
    }

    /// Those of the `count` newest posts that anybody may discover.
    pub(crate) async fn newest_discoverable(
        &self,
        viewer: UserId,
        count: usize,
    ) -> Result<Vec<Post>, PostError> {
        let (mut discoverable, mut after, mut looked_at) = (Vec::new(), None, 0);
        while looked_at < count {
            let stretch = self.store.newest_of_all(after, READ_AT_ONCE).await?;
            let ids: Vec<PostId> = stretch.found.iter().map(|it| it.1).collect();
            let mut posts = self.store.find_many(&ids).await?;
            let authors: Vec<UserId> = posts.iter().map(|post| post.user_id).collect();
            let sights = self.people.related(viewer, &authors).await?;
            posts.retain(|post| sights.is_discoverable(post));
            posts.sort_unstable_by_key(|post| Reverse(post.created_at()));
            discoverable.append(&mut posts);
            after = stretch.last;
            if after.is_none() {
                break;
            }
            looked_at += READ_AT_ONCE;
        }
        Ok(discoverable)
    }

    /// Posts that `viewer` may see, as they see them.
    pub(crate) async fn as_seen(
        &self,
        viewer: UserId,
        posts: Vec<Authored>,
    ) -> Result<Vec<SeenPost>, PostError> {
        let ids = posts.iter().map(|(post, _)| post.id);
        let intents = self.likes.intents.of(viewer, ids).await;
        self.with_likes(viewer, &intents, posts).await
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
