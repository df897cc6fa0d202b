use std::collections::HashMap;

use bus::{BatchHandler, NotHandled};
use contracts::{jobs::v1::Job, posts::v1::ApplyLikesRequest};

use crate::posts::{Posts, refused};

/// Hands likes to the owner of what is liked. All that can be liked so far
/// are posts and comments, which have the same owner.
#[derive(Clone)]
pub(crate) struct Likes {
    pub(crate) posts: Posts,
}

impl BatchHandler for Likes {
    async fn handle(&self, partition: &'static str, jobs: &[Job]) -> Result<(), NotHandled> {
        let request = ApplyLikesRequest {
            partition: partition.to_owned(),
            jobs: jobs.iter().map(without_trace).collect(),
        };
        let applied = self.posts.likes().apply_likes(request).await;
        applied.map(drop).map_err(|status| refused(&status))
    }
}

/// What an owner needs of a job: the batch has linked to its trace already.
fn without_trace(job: &Job) -> Job {
    Job {
        id: job.id.clone(),
        accepted_at: job.accepted_at,
        version: job.version,
        trace: HashMap::new(),
        work: job.work.clone(),
    }
}
