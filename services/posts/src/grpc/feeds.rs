use contracts::{
    jobs::v1::{self as jobs, Job, job::Work, update_feeds::Change},
    posts::v1::{UpdateFeedsRequest, UpdateFeedsResponse, feeds_service_server::FeedsService},
    rpc::parse_id,
    timestamp_of,
};
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{
    feed_updates::{FeedChange, FeedUpdates, UpdatePage},
    mongo::Position,
};

pub(crate) struct FeedsApi {
    pub(crate) updates: FeedUpdates,
}

#[tonic::async_trait]
impl FeedsService for FeedsApi {
    async fn update_feeds(
        &self,
        request: Request<UpdateFeedsRequest>,
    ) -> Result<Response<UpdateFeedsResponse>, Status> {
        let job = request.into_inner().job.unwrap_or_default();
        let Some(Work::UpdateFeeds(update)) = &job.work else {
            return Err(Status::invalid_argument("not an update of feeds"));
        };
        let done = self.updates.page(parse(update)?).await.map_err(refuse)?;
        Ok(Response::new(UpdateFeedsResponse {
            next: done.next.map(|position| next(&job, update, position)),
            followers: u32::try_from(done.followers).unwrap_or(u32::MAX),
        }))
    }
}

fn parse(update: &jobs::UpdateFeeds) -> Result<UpdatePage, Status> {
    let change = match &update.change {
        Some(Change::PostAdded(added)) => {
            let at = added.created_at.map(timestamp_of);
            let at = at.ok_or_else(|| Status::invalid_argument("a post without a time"))?;
            FeedChange::PostAdded(Position(at, parse_id(&added.post_id)?))
        }
        Some(Change::PostRemoved(removed)) => FeedChange::PostRemoved(parse_id(&removed.post_id)?),
        Some(Change::AuthorChanged(_)) => FeedChange::AuthorChanged,
        Some(Change::FanoutChanged(changed)) => FeedChange::FanoutChanged(changed.version),
        // Of a newer version than this one, which does not know what to do.
        None => return Err(Status::unimplemented("unknown kind of change")),
    };
    Ok(UpdatePage {
        author: parse_id(&update.author_id)?,
        change,
        after: (!update.after_position.is_empty()).then(|| update.after_position.clone()),
    })
}

/// The job of the next page: the same in all but where it goes on.
fn next(job: &Job, update: &jobs::UpdateFeeds, after_position: String) -> Job {
    let update = jobs::UpdateFeeds {
        page: update.page + 1,
        after_position,
        ..update.clone()
    };
    Job {
        work: Some(Work::UpdateFeeds(update)),
        ..job.clone()
    }
}
