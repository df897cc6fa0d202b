use std::cmp::Reverse;

use domain::{PostId, Reaction, Timestamp, UserId};

use crate::intents::AppliedLike;

/// Who thinks something of what; at most one like has it.
pub(crate) type Pair = (PostId, UserId);

/// What somebody thinks of a post from now on: a job of the queue of likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetLike {
    pub(crate) user_id: UserId,
    pub(crate) post_id: PostId,
    /// `None`: they do not like it (any more).
    pub(crate) reaction: Option<Reaction>,
    /// At least 1. Of two about the same pair, the one with the larger version holds.
    pub(crate) version: i64,
    pub(crate) accepted_at: Timestamp,
}

impl SetLike {
    pub(crate) fn pair(&self) -> Pair {
        (self.post_id, self.user_id)
    }

    /// The intent that it came from.
    pub(crate) fn intent(&self) -> AppliedLike {
        AppliedLike {
            user_id: self.user_id,
            post_id: self.post_id,
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
        jobs.sort_by_key(|job| (job.pair(), Reverse(job.version)));
        jobs.dedup_by_key(|job| job.pair());
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

    /// The jobs, post by post.
    pub(crate) fn by_post(&self) -> impl Iterator<Item = (PostId, &[SetLike])> {
        let posts = self.newest.chunk_by(|a, b| a.post_id == b.post_id);
        posts.filter_map(|jobs| Some((jobs.first()?.post_id, jobs)))
    }
}
