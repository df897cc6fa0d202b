//! What somebody likes.

use domain::{PostId, UserId};
use web::{Filling, Paging};

use crate::{
    PostError,
    lists::{Choice, Page},
    mongo::Position,
    posts::Posts,
};

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
            let ids: Vec<PostId> = likes
                .iter()
                .map(|like| like.liked_id.oid().into())
                .collect();
            let mut visible = self.visible(viewer, &ids, Choice::CONTENT).await?;
            for place in likes.iter().map(Position::of_like) {
                if let Some(seen) = visible.remove(&place.1) {
                    page.add(place, seen);
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
}
