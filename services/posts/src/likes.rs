//! Likes of posts: accepted at once, and seen by whoever gave them from then on.

mod accept;
mod standings;
mod unstored;
mod watch;

use std::{collections::HashMap, sync::Arc};

use bus::JobPublisher;
use domain::{Post, PostId, Reaction, UserId};
use runtime::{Clock, Shutdown};
use store::StoreError;
use tokio::runtime::Handle;

use crate::{
    intents::{Intent, Intents},
    mongo::{LikeReads, Moment},
};

pub(crate) use standings::{Known, Standings};
pub(crate) use unstored::Unstored;

/// What people like.
#[derive(Clone)]
pub(crate) struct Likes {
    pub(crate) stored: LikeReads,
    pub(crate) intents: Intents,
    pub(crate) jobs: JobPublisher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
    /// That of the process. Those of the HTTP workers end one by one in the
    /// drain, and with them what others may still be waiting for.
    pub(crate) runtime: Handle,
}

/// The likes of a post as somebody sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LikesSeen {
    /// How many there are.
    pub(crate) count: i64,
    /// With what whoever looks likes it.
    pub(crate) own: Option<Reaction>,
}

impl LikesSeen {
    /// How many others like it.
    pub(crate) fn others(&self) -> i64 {
        self.count - i64::from(self.own.is_some())
    }

    /// What `moment` says of `post`, changed by what has been asked for since.
    fn new(moment: &Moment, post: &Post, intent: Option<&Intent>) -> Self {
        let stored = Self {
            count: moment.count(post.id).unwrap_or(post.likes_count),
            own: moment.own(post.id).map(|like| like.reaction.clone()),
        };
        match intent.filter(|intent| intent.version > moment.version(post.id)) {
            Some(intent) => Self {
                count: stored.others() + i64::from(intent.reaction.is_some()),
                own: intent.reaction.clone(),
            },
            None => stored,
        }
    }
}

impl Likes {
    /// The likes of `posts` as `viewer` sees them: what is stored, and over it
    /// what they have asked for since. Their `intents` are read before the posts
    /// are, so that a like that is stored in between is not missed by both.
    pub(crate) async fn seen(
        &self,
        viewer: UserId,
        intents: &HashMap<PostId, Intent>,
        posts: &[Post],
    ) -> Result<HashMap<PostId, LikesSeen>, StoreError> {
        let ids = posts.iter().map(|post| post.id);
        let (asked, quiet): (Vec<_>, Vec<_>) = ids.partition(|id| intents.contains_key(id));
        let (own, moment) = tokio::try_join!(
            self.stored.own(viewer, &quiet),
            self.stored.moment(viewer, &asked)
        )?;
        let seen = posts.iter().map(|post| {
            let likes = match intents.get(&post.id) {
                Some(intent) => LikesSeen::new(&moment, post, Some(intent)),
                None => LikesSeen {
                    count: post.likes_count,
                    own: own.get(&post.id).map(|like| like.reaction.clone()),
                },
            };
            (post.id, likes)
        });
        Ok(seen.collect())
    }

    /// What `user_id` has asked for by `intents` and MongoDB does not say yet.
    pub(crate) async fn unstored(
        &self,
        user_id: UserId,
        intents: HashMap<PostId, Intent>,
    ) -> Result<Unstored, StoreError> {
        let posts: Vec<PostId> = intents.keys().copied().collect();
        let moment = self.stored.moment(user_id, &posts).await?;
        Ok(Unstored::new(user_id, intents, &moment))
    }
}
