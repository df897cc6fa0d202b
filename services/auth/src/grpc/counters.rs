use contracts::{
    auth::v1::{
        FollowCountMismatch, ListPostsCountsRequest, ListPostsCountsResponse, PostsCount,
        VerifyFollowCountsRequest, VerifyFollowCountsResponse,
        counters_service_server::CountersService,
    },
    rpc::parse_page,
};
use domain::UserId;
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{
    counters::{CounterCheck, Mismatch},
    mongo::StoredCounters,
};

pub(crate) struct CountersApi {
    pub(crate) check: CounterCheck,
}

impl From<&Mismatch> for FollowCountMismatch {
    fn from(mismatch: &Mismatch) -> Self {
        Self {
            user_id: mismatch.user_id.to_string(),
            counter: mismatch.list.counter().to_owned(),
            stored: mismatch.count.stored,
            counted: mismatch.count.counted,
        }
    }
}

impl From<&StoredCounters> for PostsCount {
    fn from(account: &StoredCounters) -> Self {
        Self {
            user_id: account.user_id.to_string(),
            count: account.posts_count,
            version: account.posts_count_version,
        }
    }
}

#[tonic::async_trait]
impl CountersService for CountersApi {
    async fn verify_follow_counts(
        &self,
        request: Request<VerifyFollowCountsRequest>,
    ) -> Result<Response<VerifyFollowCountsResponse>, Status> {
        let request = request.into_inner();
        let (after, limit) = parse_page(&request.after_user_id, request.limit)?;
        let checked = self.check.verify(after, limit, request.repair);
        let checked = checked.await.map_err(refuse)?;
        Ok(Response::new(VerifyFollowCountsResponse {
            examined: u32::try_from(checked.examined).unwrap_or(u32::MAX),
            last_user_id: text(checked.last),
            mismatches: checked.mismatches.iter().map(Into::into).collect(),
        }))
    }

    async fn list_posts_counts(
        &self,
        request: Request<ListPostsCountsRequest>,
    ) -> Result<Response<ListPostsCountsResponse>, Status> {
        let request = request.into_inner();
        let (after, limit) = parse_page(&request.after_user_id, request.limit)?;
        let (accounts, last) = self.check.list(after, limit).await.map_err(refuse)?;
        Ok(Response::new(ListPostsCountsResponse {
            counts: accounts.iter().map(Into::into).collect(),
            last_user_id: text(last),
        }))
    }
}

fn text(id: Option<UserId>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}
