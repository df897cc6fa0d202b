use std::collections::HashMap;

use domain::{Id, Like, LikeType, LikedId, UserId};

use crate::{
    intents::Intent,
    mongo::{LikeChunk, Moment},
};

/// What somebody asked for posts and MongoDB does not say yet.
#[derive(Clone, Debug)]
pub(crate) struct Unstored {
    user_id: UserId,
    changes: HashMap<LikedId, Change>,
}

#[derive(Clone, Debug)]
struct Change {
    intent: Intent,
    /// Whether a like of the post is stored.
    is_liked: bool,
}

impl Unstored {
    /// Those of `intents` about posts of `moment` that are newer than what it knows.
    pub(super) fn new(user_id: UserId, intents: HashMap<LikedId, Intent>, moment: &Moment) -> Self {
        let changes = intents
            .into_iter()
            .filter(|(post, _)| moment.count(*post).is_some())
            .filter(|(post, intent)| intent.version > moment.version(*post))
            .map(|(post, intent)| {
                let is_liked = moment.own(post).is_some();
                (post, Change { intent, is_liked })
            });
        Self {
            user_id,
            changes: changes.collect(),
        }
    }

    /// Changes a part of a list of likes, newest first, to what it will be: the
    /// part that begins behind `after`. A like that is added has the place that
    /// it keeps when it is stored.
    pub(crate) fn apply<P: Ord>(
        &self,
        chunk: LikeChunk,
        after: Option<&P>,
        place: impl Fn(&Like) -> P,
    ) -> Vec<Like> {
        let LikeChunk { mut likes, is_end } = chunk;
        let last = likes.last().filter(|_| !is_end).map(&place);
        likes.retain_mut(|like| match self.changes.get(&like.liked_id) {
            Some(change) if like.user_id == self.user_id => {
                match &change.intent.reaction {
                    Some(reaction) => like.reaction = reaction.clone(),
                    None => return false,
                }
                // Otherwise it was stored in this moment, and is added below.
                change.is_liked
            }
            _ => true,
        });
        let added = self.changes.iter().filter_map(|(post, change)| {
            let like = self.added(*post, change)?;
            let place = place(&like);
            let is_here = after.is_none_or(|after| place < *after)
                && last.as_ref().is_none_or(|last| place >= *last);
            is_here.then_some(like)
        });
        likes.extend(added);
        likes.sort_by_cached_key(|like| std::cmp::Reverse(place(like)));
        likes
    }

    /// The like that a change makes, if there was none.
    fn added(&self, post: LikedId, change: &Change) -> Option<Like> {
        let reaction = change.intent.reaction.clone()?;
        (!change.is_liked).then(|| Like {
            id: Id::generate(),
            user_id: self.user_id,
            liked_id: post,
            kind: LikeType::Post,
            created_at: Some(change.intent.at),
            reaction,
            version: change.intent.version,
        })
    }
}
