//! Liking something and taking it back.

use std::time::Duration;

use domain::{CommentId, ErrorKind, LikedId, PostId, Reaction, UserId};
use tokio::time::timeout;
use web::Failure;

use crate::{
    PostError,
    likes::{Known, LikedKind, LikesSeen},
    posts::Posts,
};

/// How long somebody waits for a check when the last one would still do.
const PATIENCE: Duration = Duration::from_millis(500);

impl Posts {
    /// Notes what `viewer` thinks of a post from now on, and returns how many
    /// like it then. The database does it later, in its turn.
    pub(crate) async fn set_like(
        &self,
        viewer: UserId,
        id: PostId,
        reaction: Option<Reaction>,
    ) -> Result<i64, PostError> {
        let look = self.likes_seen(viewer, id);
        let set = self.set_like_of(viewer, LikedKind::Post, id.into(), reaction, look);
        set.await
    }

    /// As [`Posts::set_like`], of a comment.
    pub(crate) async fn set_comment_like(
        &self,
        viewer: UserId,
        id: CommentId,
        reaction: Option<Reaction>,
    ) -> Result<i64, PostError> {
        let look = self.likes_of_comment(viewer, id);
        let set = self.set_like_of(viewer, LikedKind::Comment, id.into(), reaction, look);
        set.await
    }

    async fn set_like_of(
        &self,
        viewer: UserId,
        kind: LikedKind,
        id: LikedId,
        reaction: Option<Reaction>,
        look: impl Future<Output = Result<LikesSeen, PostError>>,
    ) -> Result<i64, PostError> {
        let others = self.others_who_like(viewer, id, look).await?;
        let likes_count = others + i64::from(reaction.is_some());
        self.likes.accept(viewer, kind, id, reaction).await?;
        Ok(likes_count)
    }

    /// How many others like a thing that `viewer` may see, which `look` tells.
    /// Who has just seen it may like it also while nobody can be asked.
    async fn others_who_like(
        &self,
        viewer: UserId,
        id: LikedId,
        look: impl Future<Output = Result<LikesSeen, PostError>>,
    ) -> Result<i64, PostError> {
        let likes = match self.standings.find(viewer, id) {
            Known::Fresh(others) => return Ok(others),
            Known::Stale(others) => match timeout(PATIENCE, look).await {
                Ok(Err(error)) if is_outage(error.kind()) => return Ok(others),
                Err(_elapsed) => return Ok(others),
                Ok(likes) => likes?,
            },
            Known::Unknown => look.await?,
        };
        Ok(likes.others())
    }
}

fn is_outage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unavailable | ErrorKind::Timeout)
}
