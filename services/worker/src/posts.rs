//! posts, to which the work is handed.

use std::error::Error;

use bus::NotHandled;
use contracts::{
    kind_of,
    posts::v1::{
        GetPostsRequest, feeds_service_client::FeedsServiceClient,
        likes_service_client::LikesServiceClient, posts_service_client::PostsServiceClient,
    },
    rpc::{Caller, CallerChannel, InvalidEndpoint},
};
use domain::ErrorKind;
use tonic::{Code, Status};

use crate::Settings;

/// The way to posts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Posts {
    channel: CallerChannel,
}

impl Posts {
    /// posts need not be up.
    pub(crate) fn connect(settings: &Settings) -> Result<Self, InvalidEndpoint> {
        let channel = Caller::channel(
            &settings.posts_grpc_url,
            &settings.credential.service_credential,
            settings.posts_timeout,
        )?;
        Ok(Self { channel })
    }

    pub(crate) fn likes(&self) -> LikesServiceClient<CallerChannel> {
        LikesServiceClient::new(self.channel.clone())
    }

    pub(crate) fn feeds(&self) -> FeedsServiceClient<CallerChannel> {
        FeedsServiceClient::new(self.channel.clone())
    }

    /// Whether posts answers and takes our credential.
    pub(crate) async fn ping(&self) -> Result<(), Status> {
        let mut posts = PostsServiceClient::new(self.channel.clone());
        posts.get_posts(GetPostsRequest::default()).await?;
        Ok(())
    }
}

/// Why posts did not do it.
pub(crate) fn refused(status: &Status) -> NotHandled {
    NotHandled {
        kind: kind(status),
        reason: format!("posts: {}", status.message()),
    }
}

/// Some things look like a defect of the owner's, or like the job's fault, and
/// are neither. A status with a source was made on this side, of a connection
/// that broke in the middle of the call. An owner that does not know the call
/// is older than this worker, for as long as the deployment is under way. And
/// a credential is the deployment's, not the job's.
fn kind(status: &Status) -> ErrorKind {
    match kind_of(status) {
        ErrorKind::Internal if status.source().is_some() => ErrorKind::Unavailable,
        _ if status.code() == Code::Unimplemented => ErrorKind::Unavailable,
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => ErrorKind::Unavailable,
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
            Code::Unauthenticated,
            Code::PermissionDenied,
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
