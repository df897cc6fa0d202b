use std::collections::{BTreeMap, HashMap, HashSet};

use contracts::jobs::v1::{NotificationActor, NotificationKind, Notify};
use domain::{Id, Like, LikeType, LikedId, PostId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::{Batch, Outcomes, Pair, SetLike};
use crate::likes::LikedKind;

/// That somebody does not like a thing any more: a document of
/// `like_tombstones`. It makes likes lose that are older and come late. Once the
/// thing is liked again it says nothing, and stays until its time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    #[serde(rename = "_id")]
    pub(crate) id: Id<Tombstone>,
    pub(crate) user_id: UserId,
    #[serde(rename = "post_id")]
    pub(crate) liked_id: LikedId,
    pub(crate) version: i64,
    /// When it was written.
    pub(crate) at: Timestamp,
}

/// A like or a tombstone, as far as a decision needs it.
#[derive(Debug)]
pub(crate) struct Versioned<T> {
    pub(crate) id: Id<T>,
    /// 0 for one of the predecessor.
    pub(crate) version: i64,
}

/// Something that exists and can be liked, if only because it was before it was deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thing {
    pub(crate) kind: LikedKind,
    pub(crate) author_id: UserId,
    /// The post that it is, or belongs to.
    pub(crate) post_id: PostId,
}

/// What there is of the pairs of a batch.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// What exists of what is liked.
    pub(crate) things: HashMap<LikedId, Thing>,
    /// Those who are gone for good. What they thought counts no more.
    pub(crate) erased: HashSet<UserId>,
    pub(crate) likes: HashMap<Pair, Versioned<Like>>,
    pub(crate) tombstones: HashMap<Pair, Versioned<Tombstone>>,
}

/// What a batch comes to.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Likes to store, in the order of their pairs.
    pub(crate) begun: Vec<Like>,
    /// Likes that get the version and the reaction of a job.
    pub(crate) renewed: Vec<(Id<Like>, SetLike)>,
    /// Likes to remove.
    pub(crate) ended: Vec<Id<Like>>,
    /// Tombstones to store.
    pub(crate) buried: Vec<Tombstone>,
    /// Tombstones that get another version.
    pub(crate) buried_again: Vec<(Id<Tombstone>, i64)>,
    /// By how much the number of likes of things changes; never by 0.
    pub(crate) counts: BTreeMap<(LikedKind, LikedId), i64>,
    pub(crate) outcomes: Outcomes,
}

/// What `batch` changes, given what is stored. Versions alone decide, so that
/// jobs may come in any order and any number of times.
pub(crate) fn decide(batch: &Batch, stored: &Stored, now: Timestamp) -> Changes {
    let mut changes = Changes::default();
    changes.outcomes.outdated = u32::try_from(batch.overtaken()).unwrap_or(u32::MAX);
    for job in batch.jobs() {
        let pair = job.pair();
        let thing = stored.things.get(&job.liked_id);
        let is_erased = stored.erased.contains(&job.user_id);
        if is_erased || thing.is_none_or(|thing| thing.kind != job.kind) {
            changes.outcomes.orphaned += 1;
            continue;
        }
        let like = stored.likes.get(&pair);
        let tombstone = stored.tombstones.get(&pair);
        let versions = [like.map(|it| it.version), tombstone.map(|it| it.version)];
        if versions.into_iter().flatten().any(|it| it >= job.version) {
            changes.outcomes.outdated += 1;
            continue;
        }
        changes.outcomes.applied += 1;
        if job.reaction.is_some() {
            changes.like(job, like);
        } else {
            changes.unlike(job, like, tombstone, now);
        }
    }
    changes.counts.retain(|_, change| *change != 0);
    changes
}

impl Changes {
    fn like(&mut self, job: &SetLike, like: Option<&Versioned<Like>>) {
        if let Some(like) = like {
            self.renewed.push((like.id, job.clone()));
            return;
        }
        self.begun.push(Like {
            id: Id::generate(),
            user_id: job.user_id,
            liked_id: job.liked_id,
            kind: job.kind.like_type(),
            created_at: Some(job.accepted_at),
            reaction: job.reaction.clone().unwrap_or_default(),
            version: job.version,
        });
        *self.count(job) += 1;
    }

    fn unlike(
        &mut self,
        job: &SetLike,
        like: Option<&Versioned<Like>>,
        tombstone: Option<&Versioned<Tombstone>>,
        now: Timestamp,
    ) {
        if let Some(like) = like {
            self.ended.push(like.id);
            *self.count(job) -= 1;
        }
        // Also where there was no like: one that is older may be on its way.
        match tombstone {
            Some(tombstone) => self.buried_again.push((tombstone.id, job.version)),
            None => self.buried.push(Tombstone {
                id: Id::generate(),
                user_id: job.user_id,
                liked_id: job.liked_id,
                version: job.version,
                at: now,
            }),
        }
    }

    fn count(&mut self, job: &SetLike) -> &mut i64 {
        self.counts.entry((job.kind, job.liked_id)).or_default()
    }

    /// How many have begun to like each post.
    pub(crate) fn begun_of_posts(&self) -> Vec<(PostId, u32)> {
        let of_posts = self.begun.iter().filter(|like| like.kind == LikeType::Post);
        let of_posts: Vec<&Like> = of_posts.collect();
        let posts = of_posts.chunk_by(|a, b| a.liked_id == b.liked_id);
        let begun = posts.filter_map(|likes| {
            let count = u32::try_from(likes.len()).unwrap_or(u32::MAX);
            Some((likes.first()?.liked_id.oid().into(), count))
        });
        begun.collect()
    }

    /// What authors are told: who has begun to like which of their things, they
    /// themselves aside.
    pub(crate) fn notifications(&self, things: &HashMap<LikedId, Thing>) -> Vec<Notify> {
        let begun = self.begun.chunk_by(|a, b| a.liked_id == b.liked_id);
        let told = begun.filter_map(|likes| {
            let liked_id = likes.first()?.liked_id;
            let Thing {
                kind,
                author_id,
                post_id,
            } = *things.get(&liked_id)?;
            let of_others = likes.iter().filter(|like| like.user_id != author_id);
            let actors = of_others.map(|like| NotificationActor {
                user_id: like.user_id.to_string(),
                reaction: like.reaction.to_string(),
            });
            let notify = Notify {
                user_id: author_id.to_string(),
                kind: NotificationKind::Like.into(),
                actors: actors.collect(),
                post_id: post_id.to_string(),
                comment_id: match kind {
                    LikedKind::Post => String::new(),
                    LikedKind::Comment => liked_id.to_string(),
                },
            };
            (!notify.actors.is_empty()).then_some(notify)
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests;
