use std::time::Duration;

use bson::oid::ObjectId;
use cache::{Cache, CacheError, keys, redis};
use domain::{PostId, UserId};

/// How long somebody can go on with what they began.
const LIFE: Duration = Duration::from_mins(10);
/// Bytes of an id.
const ID: usize = 12;

/// The posts that a viewer explores, in an order that does not change while
/// scores do: a cursor is a name and a place in it.
#[derive(Clone)]
pub(super) struct Orders {
    cache: Cache,
}

impl Orders {
    pub(super) fn new(cache: &Cache) -> Self {
        Self {
            cache: cache.clone(),
        }
    }

    /// Keeps an order as the latest of `viewer`, and gives it a name.
    pub(super) async fn keep(&self, viewer: UserId, posts: &[PostId]) -> Result<u64, CacheError> {
        let name = rand::random();
        let bytes: Vec<u8> = posts.iter().flat_map(|post| post.oid().bytes()).collect();
        let mut pipeline = redis::pipe();
        pipeline
            .set_ex(keys::explore_order(viewer, name), bytes, LIFE.as_secs())
            .ignore()
            .set_ex(keys::explore_latest(viewer), name, LIFE.as_secs())
            .ignore();
        pipeline.query_async::<()>(&mut self.cache.shared()).await?;
        Ok(name)
    }

    /// The order of this name; `None` if it has run out, or is somebody else's.
    pub(super) async fn find(
        &self,
        viewer: UserId,
        name: u64,
    ) -> Result<Option<Vec<PostId>>, CacheError> {
        let kept: Option<Vec<u8>> = redis::cmd("GET")
            .arg(keys::explore_order(viewer, name))
            .query_async(&mut self.cache.shared())
            .await?;
        Ok(kept.map(|bytes| {
            let (ids, _) = bytes.as_chunks::<ID>();
            let ids = ids.iter().map(|id| ObjectId::from_bytes(*id).into());
            ids.collect()
        }))
    }

    /// The name of the latest order of `viewer`.
    pub(super) async fn latest(&self, viewer: UserId) -> Result<Option<u64>, CacheError> {
        Ok(redis::cmd("GET")
            .arg(keys::explore_latest(viewer))
            .query_async(&mut self.cache.shared())
            .await?)
    }
}
