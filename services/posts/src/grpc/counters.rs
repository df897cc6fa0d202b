use std::{collections::HashMap, sync::Arc};

use contracts::{
    events::v1::ContentType,
    posts::v1::{
        ContentCountMismatch, GetPostCountsRequest, GetPostCountsResponse, PostCount,
        PostCountMismatch, RepublishPostCountsRequest, RepublishPostCountsResponse,
        VerifyContentCountsRequest, VerifyContentCountsResponse, VerifyPostCountsRequest,
        VerifyPostCountsResponse, counters_service_server::CountersService,
    },
    rpc::{parse_ids, parse_page},
};
use domain::UserId;
use futures_util::{StreamExt, TryStreamExt, stream};
use runtime::Clock;
use store::Store;
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{
    likes::LikedKind,
    mongo::{ContentCounts, ContentMismatch, CountMismatch, PostCounts, PostStore, authors_after},
    post_cache::PostCache,
};

/// Counts announced at a time, a transaction each.
const ANNOUNCED_AT_ONCE: usize = 8;

pub(crate) struct CountersApi {
    pub(crate) posts: PostStore,
    pub(crate) cached: PostCache,
    pub(crate) counts: PostCounts,
    pub(crate) store: Store,
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

impl From<ContentMismatch> for ContentCountMismatch {
    fn from(mismatch: ContentMismatch) -> Self {
        Self {
            id: mismatch.of.id.to_string(),
            counter: mismatch.counter.field().to_owned(),
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

    async fn verify_content_counts(
        &self,
        request: Request<VerifyContentCountsRequest>,
    ) -> Result<Response<VerifyContentCountsResponse>, Status> {
        let request = request.into_inner();
        let (after, limit) = parse_page(&request.after_id, request.limit)?;
        let kind = match request.content_type() {
            ContentType::Post => LikedKind::Post,
            ContentType::Comment => LikedKind::Comment,
            ContentType::Reel | ContentType::Message | ContentType::Unspecified => {
                return Err(Status::invalid_argument("not posts or comments"));
            }
        };
        let counts = ContentCounts::new(&self.store, kind);
        let page = counts.page(after, limit).await.map_err(refuse)?;
        let mismatches = counts.mismatches(&page).await.map_err(refuse)?;
        if request.repair {
            for mismatch in &mismatches {
                let repaired = counts.repair(mismatch.of, mismatch.counter);
                repaired.await.map_err(refuse)?;
                if kind == LikedKind::Post {
                    self.cached.changed(&[mismatch.of.id.oid().into()]).await;
                }
            }
        }
        let last = page.last().map(|said| said.id.to_string());
        Ok(Response::new(VerifyContentCountsResponse {
            examined: u32::try_from(page.len()).unwrap_or(u32::MAX),
            last_id: last.unwrap_or_default(),
            mismatches: mismatches
                .into_iter()
                .map(ContentCountMismatch::from)
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
