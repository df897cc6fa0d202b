//! Liking a post and taking it back.

use std::time::Duration;

use domain::{ErrorKind, PostId, Reaction, UserId};
use tokio::time::timeout;
use web::Failure;

use crate::{PostError, likes::Known, posts::Posts};

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
        let others = self.others_who_like(viewer, id).await?;
        let likes_count = others + i64::from(reaction.is_some());
        self.likes.accept(viewer, id, reaction).await?;
        Ok(likes_count)
    }

    /// How many others like a post that `viewer` may see. Who has just seen it
    /// may like it also while nobody can be asked.
    async fn others_who_like(&self, viewer: UserId, id: PostId) -> Result<i64, PostError> {
        let look = self.get(viewer, id);
        let seen = match self.standings.find(viewer, id) {
            Known::Fresh(others) => return Ok(others),
            Known::Stale(others) => match timeout(PATIENCE, look).await {
                Ok(Err(error)) if is_outage(error.kind()) => return Ok(others),
                Err(_elapsed) => return Ok(others),
                Ok(seen) => seen?,
            },
            Known::Unknown => look.await?,
        };
        Ok(seen.likes.others())
    }
}

fn is_outage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unavailable | ErrorKind::Timeout)
}
