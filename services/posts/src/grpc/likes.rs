use contracts::{
    jobs::v1::{Job, job::Work},
    posts::v1::{ApplyLikesRequest, ApplyLikesResponse, likes_service_server::LikesService},
    status, timestamp_of,
    topology::LIKES,
};
use domain::{ErrorKind, Id, Reaction};
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{
    apply_likes::{ApplyLikes, SetLike},
    likes::LikedKind,
};

/// Most jobs in one call.
const JOBS_MAX: usize = 1_000;

pub(crate) struct LikesApi {
    pub(crate) likes: ApplyLikes,
}

#[tonic::async_trait]
impl LikesService for LikesApi {
    async fn apply_likes(
        &self,
        request: Request<ApplyLikesRequest>,
    ) -> Result<Response<ApplyLikesResponse>, Status> {
        let ApplyLikesRequest { partition, jobs } = request.into_inner();
        let partition = LIKES.partitions.into_iter().find(|it| *it == partition);
        let partition = partition.ok_or_else(|| invalid("there is no such partition"))?;
        if jobs.len() > JOBS_MAX {
            return Err(invalid(format!("at most {JOBS_MAX} jobs")));
        }
        let jobs = jobs.iter().map(|job| {
            let about = |reason| invalid(format!("job {:?}: {reason}", job.id));
            read(job).map_err(about)
        });
        let jobs = jobs.collect::<Result<_, _>>()?;
        let applied = self.likes.apply(partition, jobs).await.map_err(refuse)?;
        Ok(Response::new(ApplyLikesResponse {
            applied: applied.applied,
            outdated: applied.outdated,
            orphaned: applied.orphaned,
        }))
    }
}

fn invalid(reason: impl Into<String>) -> Status {
    status(ErrorKind::Invalid, reason)
}

/// What a job asks for, or why that can never be done.
fn read(job: &Job) -> Result<SetLike, &'static str> {
    let Some(Work::SetLike(like)) = &job.work else {
        return Err("not a like");
    };
    if job.version < 1 {
        return Err("version must be at least 1");
    }
    let accepted_at = job.accepted_at.ok_or("accepted_at is missing")?;
    let reaction = like.reaction.as_deref().map(Reaction::parse).transpose();
    Ok(SetLike {
        user_id: parse_id(&like.user_id).ok_or("user_id is no id")?,
        kind: LikedKind::of_subject(like.subject()).ok_or("not of a post or comment")?,
        liked_id: parse_id(&like.subject_id).ok_or("subject_id is no id")?,
        reaction: reaction.or(Err("reaction is not one character"))?,
        version: job.version,
        accepted_at: timestamp_of(accepted_at),
    })
}

fn parse_id<T>(text: &str) -> Option<Id<T>> {
    text.parse().ok()
}
