//! What somebody likes.

use std::collections::HashMap;

use domain::{PostId, UserId, visibility::Sight};
use web::{Filling, Paging};

use crate::{PostError, lists::Page, mongo::Position, people::Person, posts::Posts};

impl Posts {
    /// The posts that `viewer` likes, what they liked last first, as far as
    /// they may still see them.
    pub(crate) async fn liked(
        &self,
        viewer: UserId,
        paging: &Paging<Position>,
    ) -> Result<Page, PostError> {
        let intents = self.likes.intents.all_of(viewer).await;
        let unstored = self.likes.unstored(viewer, intents.clone()).await?;
        let mut page = Filling::new(paging);
        let mut after = paging.after().copied();
        let (seen, next) = loop {
            let stored = &self.likes.stored;
            let chunk = stored.newest_of_user(viewer, after, page.wanted()).await?;
            let (is_end, last) = (chunk.is_end, chunk.likes.last().map(Position::of_like));
            let likes = unstored.apply(chunk, after.as_ref(), Position::of_like);
            let ids: Vec<PostId> = likes.iter().map(|like| like.post_id).collect();
            let mut visible = self.visible(viewer, &ids).await?;
            for like in &likes {
                if let Some(seen) = visible.remove(&like.post_id) {
                    page.add(Position::of_like(like), seen);
                }
            }
            if is_end || page.is_done() {
                break page.finish();
            }
            after = last;
        };
        Ok(Page {
            posts: self.with_likes(viewer, &intents, seen).await?,
            next,
        })
    }

    /// Those of `ids` that `viewer` may see, with who made them.
    async fn visible(
        &self,
        viewer: UserId,
        ids: &[PostId],
    ) -> Result<HashMap<PostId, (domain::Post, Person)>, PostError> {
        let posts = self.cached.find_many(ids).await?;
        let authors: Vec<UserId> = posts.iter().map(|post| post.user_id).collect();
        let sights = self.people.related(viewer, &authors).await?;
        let visible = posts.into_iter().filter_map(|post| {
            let is_deleted = post.deleted_at.is_some();
            let author = sights.of(post.user_id, Sight::Content { is_deleted })?;
            Some((post.id, (post, author.clone())))
        });
        Ok(visible.collect())
    }
}
