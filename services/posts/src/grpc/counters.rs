use std::{collections::HashMap, sync::Arc};

use contracts::{
    posts::v1::{
        GetPostCountsRequest, GetPostCountsResponse, LikeCountMismatch, PostCount,
        PostCountMismatch, RepublishPostCountsRequest, RepublishPostCountsResponse,
        VerifyLikeCountsRequest, VerifyLikeCountsResponse, VerifyPostCountsRequest,
        VerifyPostCountsResponse, counters_service_server::CountersService,
    },
    rpc::{parse_ids, parse_page},
};
use domain::UserId;
use futures_util::{StreamExt, TryStreamExt, stream};
use runtime::Clock;
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{
    mongo::{CountMismatch, LikeCounts, LikeMismatch, PostCounts, PostStore, authors_after},
    post_cache::PostCache,
};

/// Counts announced at a time, a transaction each.
const ANNOUNCED_AT_ONCE: usize = 8;

pub(crate) struct CountersApi {
    pub(crate) posts: PostStore,
    pub(crate) cached: PostCache,
    pub(crate) counts: PostCounts,
    pub(crate) likes: LikeCounts,
    pub(crate) clock: Arc<dyn Clock>,
}

impl From<CountMismatch> for PostCountMismatch {
    fn from(mismatch: CountMismatch) -> Self {
        Self {
            user_id: mismatch.user_id.to_string(),
            stored: mismatch.stored,
            counted: mismatch.counted,
        }
    }
}

impl From<LikeMismatch> for LikeCountMismatch {
    fn from(mismatch: LikeMismatch) -> Self {
        Self {
            post_id: mismatch.post_id.to_string(),
            stored: mismatch.stored,
            counted: mismatch.counted,
        }
    }
}

#[tonic::async_trait]
impl CountersService for CountersApi {
    async fn verify_post_counts(
        &self,
        request: Request<VerifyPostCountsRequest>,
    ) -> Result<Response<VerifyPostCountsResponse>, Status> {
        let request = request.into_inner();
        let (after, limit) = parse_page(&request.after_user_id, request.limit)?;
        let authors = authors_after(&self.posts, &self.counts, after, limit as usize);
        let authors = authors.await.map_err(refuse)?;
        let (last, examined) = (authors.last().copied(), authors.len());
        let mismatches = self.counts.mismatches(authors).await.map_err(refuse)?;
        if request.repair {
            for mismatch in &mismatches {
                let repaired = self.counts.repair(mismatch.user_id, self.clock.now());
                repaired.await.map_err(refuse)?;
            }
        }
        Ok(Response::new(VerifyPostCountsResponse {
            examined: u32::try_from(examined).unwrap_or(u32::MAX),
            last_user_id: last.map(|id| id.to_string()).unwrap_or_default(),
            mismatches: mismatches
                .into_iter()
                .map(PostCountMismatch::from)
                .collect(),
        }))
    }

    async fn verify_like_counts(
        &self,
        request: Request<VerifyLikeCountsRequest>,
    ) -> Result<Response<VerifyLikeCountsResponse>, Status> {
        let request = request.into_inner();
        let (after, limit) = parse_page(&request.after_post_id, request.limit)?;
        let page = self.likes.page(after, limit).await.map_err(refuse)?;
        let mismatches = self.likes.mismatches(&page).await.map_err(refuse)?;
        if request.repair {
            for mismatch in &mismatches {
                let repaired = self.likes.repair(mismatch.post_id);
                repaired.await.map_err(refuse)?;
                self.cached.changed(&[mismatch.post_id]).await;
            }
        }
        let last = page.last().map(|count| count.post_id.to_string());
        Ok(Response::new(VerifyLikeCountsResponse {
            examined: u32::try_from(page.len()).unwrap_or(u32::MAX),
            last_post_id: last.unwrap_or_default(),
            mismatches: mismatches
                .into_iter()
                .map(LikeCountMismatch::from)
                .collect(),
        }))
    }

    async fn get_post_counts(
        &self,
        request: Request<GetPostCountsRequest>,
    ) -> Result<Response<GetPostCountsResponse>, Status> {
        let ids: Vec<UserId> = parse_ids(&request.into_inner().user_ids)?;
        let found = self.counts.find_many(&ids).await.map_err(refuse)?;
        let found: HashMap<_, _> = found.iter().map(|count| (count.user_id, count)).collect();
        let counts = ids.into_iter().map(|id| {
            let count = found.get(&id);
            PostCount {
                user_id: id.to_string(),
                count: count.map_or(0, |count| count.count),
                version: count.map_or(0, |count| count.version),
            }
        });
        Ok(Response::new(GetPostCountsResponse {
            counts: counts.collect(),
        }))
    }

    async fn republish_post_counts(
        &self,
        request: Request<RepublishPostCountsRequest>,
    ) -> Result<Response<RepublishPostCountsResponse>, Status> {
        let request = request.into_inner();
        let ids: Vec<UserId> = parse_ids(&request.user_ids)?;
        let (above, now) = (request.above_version, self.clock.now());
        let announced = ids
            .into_iter()
            .map(|id| self.counts.announce(id, above, now));
        let announced = stream::iter(announced).buffer_unordered(ANNOUNCED_AT_ONCE);
        announced.try_collect::<()>().await.map_err(refuse)?;
        Ok(Response::new(RepublishPostCountsResponse {}))
    }
}
