use std::{collections::HashMap, error::Error};

use bus::{BatchHandler, NotHandled};
use contracts::{
    jobs::v1::Job,
    kind_of,
    posts::v1::{
        ApplyLikesRequest, GetPostsRequest, likes_service_client::LikesServiceClient,
        posts_service_client::PostsServiceClient,
    },
    rpc::{Caller, CallerChannel, InvalidEndpoint},
};
use domain::ErrorKind;
use tonic::{Code, Status};

use crate::Settings;

/// Hands likes to the owner of what is liked. All that can be liked so far
/// are posts.
#[derive(Clone)]
pub(crate) struct Likes {
    channel: CallerChannel,
}

impl Likes {
    /// posts need not be up.
    pub(crate) fn connect(settings: &Settings) -> Result<Self, InvalidEndpoint> {
        let channel = Caller::channel(
            &settings.posts_grpc_url,
            &settings.credential.service_credential,
            settings.posts_timeout,
        )?;
        Ok(Self { channel })
    }

    /// Whether posts answers and takes our credential.
    pub(crate) async fn ping(&self) -> Result<(), Status> {
        let mut posts = PostsServiceClient::new(self.channel.clone());
        posts.get_posts(GetPostsRequest::default()).await?;
        Ok(())
    }
}

impl BatchHandler for Likes {
    async fn handle(&self, partition: &'static str, jobs: &[Job]) -> Result<(), NotHandled> {
        let request = ApplyLikesRequest {
            partition: partition.to_owned(),
            jobs: jobs.iter().map(without_trace).collect(),
        };
        let mut posts = LikesServiceClient::new(self.channel.clone());
        match posts.apply_likes(request).await {
            Ok(_) => Ok(()),
            Err(status) => Err(NotHandled {
                kind: kind(&status),
                reason: format!("posts: {}", status.message()),
            }),
        }
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

/// Two things look like a defect of the owner's and are not the jobs' fault. A
/// status with a source was made on this side, of a connection that broke in
/// the middle of the call. And an owner that does not know the call is older
/// than this worker, for as long as the deployment is under way.
fn kind(status: &Status) -> ErrorKind {
    match kind_of(status) {
        ErrorKind::Internal if status.source().is_some() => ErrorKind::Unavailable,
        _ if status.code() == Code::Unimplemented => ErrorKind::Unavailable,
        kind => kind,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use domain::Disposition;

    use super::*;

    #[test]
    fn what_an_outage_looks_like_is_tried_again() {
        for code in [
            Code::Unavailable,
            Code::DeadlineExceeded,
            Code::Cancelled,
            Code::ResourceExhausted,
            Code::Unimplemented,
        ] {
            let kind = kind(&Status::new(code, ""));
            assert_eq!(kind.disposition(), Disposition::Retry, "{code:?}");
        }
        let broken = io::Error::from(io::ErrorKind::BrokenPipe);
        let kind_of_broken = kind(&Status::from_error(broken.into()));
        assert_eq!(kind_of_broken, ErrorKind::Unavailable);
        for code in [Code::InvalidArgument, Code::NotFound, Code::Internal] {
            let kind = kind(&Status::new(code, ""));
            assert_eq!(kind.disposition(), Disposition::Reject, "{code:?}");
        }
    }
}
