use std::{cmp::Reverse, collections::BTreeSet};

use domain::{LikedId, Reaction, Timestamp, UserId};

use crate::{intents::AppliedLike, likes::LikedKind};

/// Who thinks something of what; at most one like has it.
pub(crate) type Pair = (LikedId, UserId);

/// What somebody thinks of a thing from now on: a job of the queue of likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetLike {
    pub(crate) user_id: UserId,
    pub(crate) kind: LikedKind,
    pub(crate) liked_id: LikedId,
    /// `None`: they do not like it (any more).
    pub(crate) reaction: Option<Reaction>,
    /// At least 1. Of two about the same pair, the one with the larger version holds.
    pub(crate) version: i64,
    pub(crate) accepted_at: Timestamp,
}

impl SetLike {
    pub(crate) fn pair(&self) -> Pair {
        (self.liked_id, self.user_id)
    }

    /// The intent that it came from.
    pub(crate) fn intent(&self) -> AppliedLike {
        AppliedLike {
            user_id: self.user_id,
            liked_id: self.liked_id,
            version: self.version,
        }
    }
}

/// Jobs that are stored together: the newest for each pair, in the order of the
/// pairs, so that two batches lock what they share in the same order.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    newest: Vec<SetLike>,
    /// Jobs that another one of them was newer than.
    overtaken: usize,
}

impl Batch {
    pub(crate) fn new(mut jobs: Vec<SetLike>) -> Self {
        let given = jobs.len();
        // A job that says a thing to be what it is not does not overtake one that is right.
        jobs.sort_by_key(|job| (job.pair(), job.kind, Reverse(job.version)));
        jobs.dedup_by_key(|job| (job.pair(), job.kind));
        Self {
            overtaken: given - jobs.len(),
            newest: jobs,
        }
    }

    pub(crate) fn jobs(&self) -> &[SetLike] {
        &self.newest
    }

    pub(crate) fn overtaken(&self) -> usize {
        self.overtaken
    }

    /// Whose jobs they are, each once.
    pub(crate) fn users(&self) -> Vec<UserId> {
        let users = self.newest.iter().map(|job| job.user_id);
        let users: BTreeSet<UserId> = users.collect();
        users.into_iter().collect()
    }

    /// The jobs, thing by thing.
    pub(crate) fn by_thing(&self) -> impl Iterator<Item = (LikedId, &[SetLike])> {
        let things = self.newest.chunk_by(|a, b| a.liked_id == b.liked_id);
        things.filter_map(|jobs| Some((jobs.first()?.liked_id, jobs)))
    }

    /// What the jobs say to be of this kind, each thing once.
    pub(crate) fn of_kind(&self, kind: LikedKind) -> Vec<LikedId> {
        let jobs = self.newest.iter().filter(|job| job.kind == kind);
        let mut things: Vec<LikedId> = jobs.map(|job| job.liked_id).collect();
        things.dedup();
        things
    }
}
