//! Likes of posts and comments: accepted at once, and seen by whoever gave them from then on.

mod accept;
mod liked;
mod standings;
mod unstored;
mod watch;

use std::{collections::HashMap, sync::Arc};

use bus::JobPublisher;
use domain::{LikedId, Post, Reaction, UserId};
use runtime::{Clock, Shutdown};
use store::StoreError;
use tokio::runtime::Handle;

use crate::{
    intents::{Intent, Intents},
    mongo::{LikeReads, Moment},
};

pub(crate) use liked::{Liked, LikedKind};
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

/// The likes of a thing as somebody sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LikesSeen {
    /// How many there are.
    pub(crate) count: i64,
    /// With what whoever looks likes it.
    pub(crate) own: Option<Reaction>,
}

/// The likes of a thing as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredLikes {
    /// How many there are, and the own one.
    pub(crate) likes: LikesSeen,
    /// Of the last change of mind of whoever looks that is in them, as far as
    /// that is known.
    pub(crate) version: i64,
}

impl LikesSeen {
    /// How many others like it.
    pub(crate) fn others(&self) -> i64 {
        self.count - i64::from(self.own.is_some())
    }

    /// What is seen when `others` like it and whoever looks wants `own`.
    pub(crate) fn wanted(others: i64, own: Option<Reaction>) -> Self {
        Self {
            count: others + i64::from(own.is_some()),
            own,
        }
    }
}

impl StoredLikes {
    /// What `moment` says of `thing`.
    fn of(moment: &Moment, thing: &impl Liked) -> Self {
        let id = thing.liked_id();
        Self {
            likes: LikesSeen {
                count: moment.count(id).unwrap_or(thing.likes_count()),
                own: moment.own(id).map(|like| like.reaction.clone()),
            },
            version: moment.version(id),
        }
    }

    /// Changed by what was asked for since.
    pub(crate) fn seen(self, intent: Option<&Intent>) -> LikesSeen {
        match intent.filter(|intent| intent.version > self.version) {
            Some(intent) => LikesSeen::wanted(self.likes.others(), intent.reaction.clone()),
            None => self.likes,
        }
    }
}

impl Likes {
    /// The likes of `things` as `viewer` sees them: what is stored, and over it
    /// what they have asked for since. An intent lives for two minutes after it is
    /// stored, so that none is missed by both, whichever was read first.
    pub(crate) async fn seen<T: Liked>(
        &self,
        viewer: UserId,
        intents: &HashMap<LikedId, Intent>,
        things: &[T],
    ) -> Result<HashMap<LikedId, LikesSeen>, StoreError> {
        let stored = self.stored(viewer, intents, things).await?;
        let seen = stored
            .into_iter()
            .map(|(id, stored)| (id, stored.seen(intents.get(&id))));
        Ok(seen.collect())
    }

    /// The likes of `things` as they are stored. Of those that `viewer` has
    /// lately asked something for, count and own like are of one moment.
    pub(crate) async fn stored<T: Liked>(
        &self,
        viewer: UserId,
        intents: &HashMap<LikedId, Intent>,
        things: &[T],
    ) -> Result<HashMap<LikedId, StoredLikes>, StoreError> {
        let ids = things.iter().map(Liked::liked_id);
        let (asked, quiet): (Vec<_>, Vec<_>) = ids.partition(|id| intents.contains_key(id));
        let (own, moment) = tokio::try_join!(
            self.stored.own(viewer, &quiet),
            self.stored.moment::<T>(viewer, &asked)
        )?;
        let stored = things.iter().map(|thing| {
            let id = thing.liked_id();
            let stored = if intents.contains_key(&id) {
                StoredLikes::of(&moment, thing)
            } else {
                let own = own.get(&id);
                StoredLikes {
                    version: own.map(|like| like.version).unwrap_or_default(),
                    likes: LikesSeen {
                        count: thing.likes_count(),
                        own: own.map(|like| like.reaction.clone()),
                    },
                }
            };
            (id, stored)
        });
        Ok(stored.collect())
    }

    /// What `user_id` has asked for posts by `intents`, and MongoDB does not say
    /// yet; what they are about otherwise is passed over.
    pub(crate) async fn unstored(
        &self,
        user_id: UserId,
        intents: HashMap<LikedId, Intent>,
    ) -> Result<Unstored, StoreError> {
        let things: Vec<LikedId> = intents.keys().copied().collect();
        let moment = self.stored.moment::<Post>(user_id, &things).await?;
        Ok(Unstored::new(user_id, intents, &moment))
    }
}
