//! Posts that people keep for later.

use domain::{PostId, UserId};
use web::Paging;

use crate::{
    PostError,
    explore::Engagement,
    lists::{Choice, Page},
    mongo::Position,
    posts::{Posts, noted},
};

impl Posts {
    /// Saves a post for `viewer` and returns how many have saved it then.
    pub(crate) async fn save(&self, viewer: UserId, id: PostId) -> Result<i64, PostError> {
        self.visible_post(viewer, id).await?;
        let saved = self.saves.save(viewer, id, self.clock.now()).await?;
        let saved = saved.ok_or(PostError::PostNotFound)?;
        self.note_save(viewer, id).await;
        if saved.is_change {
            self.explore.note(Engagement::Save, &[(id, 1)]).await;
        }
        Ok(saved.count)
    }

    /// Saves a post for `viewer` no more, and returns how many have saved it
    /// then. It is the own list: what became of the post does not matter, but
    /// nobody is told the number of what they may not see.
    pub(crate) async fn unsave(&self, viewer: UserId, id: PostId) -> Result<i64, PostError> {
        let is_seen = match self.visible_post(viewer, id).await {
            Ok(_) => true,
            Err(PostError::PostNotFound) => false,
            Err(error) => return Err(error),
        };
        let saved = self.saves.unsave(viewer, id).await?;
        self.note_save(viewer, id).await;
        let count = saved.filter(|_| is_seen).map(|saved| saved.count);
        Ok(count.unwrap_or_default())
    }

    /// Also if nothing was changed: whoever changed it may have died over it.
    async fn note_save(&self, viewer: UserId, id: PostId) {
        self.cached.changed(&[id]).await;
        // The pages of the own feed say whether their posts are saved.
        noted(self.feeds.stamps.void_feeds(&[viewer]).await);
    }

    /// What `viewer` has saved, the latest act first, as far as they may still
    /// see it.
    pub(crate) async fn saved(
        &self,
        viewer: UserId,
        paging: &Paging<Position>,
    ) -> Result<Page, PostError> {
        let read = async |after, limit| self.saves.newest_of(viewer, after, limit).await;
        self.fill(viewer, Choice::CONTENT, paging, read).await
    }
}
