use std::time::Duration;

use cache::{Aside, Cache, CacheError, Found, Lease, keys};
use domain::{Post, PostId};
use store::StoreError;

use crate::mongo::PostStore;

/// How long a post is believed. Whoever changes one forgets it; this is for what
/// could not be forgotten.
const LIFE: Duration = Duration::from_mins(1);

/// The posts of [`PostStore`], kept in Redis until they change.
///
/// Their counts are those of the moment when they were read. Intents live for
/// longer than posts are kept, so whoever likes one sees their like in the count.
#[derive(Clone)]
pub(crate) struct PostCache {
    store: PostStore,
    cache: Cache,
    aside: Aside,
}

impl PostCache {
    pub(crate) fn new(store: &PostStore, cache: &Cache) -> Self {
        Self {
            store: store.clone(),
            cache: cache.clone(),
            aside: Aside::new(cache),
        }
    }

    /// The post, also one that is deleted.
    pub(crate) async fn find(&self, id: PostId) -> Result<Option<Post>, StoreError> {
        Ok(self.find_many(&[id]).await?.pop())
    }

    /// Those of `ids` that exist, also deleted ones, in no order.
    pub(crate) async fn find_many(&self, ids: &[PostId]) -> Result<Vec<Post>, StoreError> {
        let keys: Vec<String> = ids.iter().map(|id| keys::post(*id)).collect();
        let found = self.aside.read(&keys).await;
        let mut posts = Vec::with_capacity(ids.len());
        let mut missing = Vec::new();
        let mut leases = Vec::new();
        for (id, found) in ids.iter().zip(found) {
            match found {
                Found::Hit(bytes) => match bson::deserialize_from_slice(&bytes) {
                    Ok(post) => posts.push(post),
                    // Of a release with another idea of a post.
                    Err(_) => missing.push(*id),
                },
                Found::Miss(lease) => {
                    missing.push(*id);
                    leases.extend(lease.map(|lease| (*id, lease)));
                }
            }
        }
        let read = match missing.as_slice() {
            [] => return Ok(posts),
            [id] => Vec::from_iter(self.store.find(*id).await?),
            _ => self.store.find_many(&missing).await?,
        };
        self.aside.fill(&fills(&read, leases)).await;
        posts.extend(read);
        Ok(posts)
    }

    /// Forgets posts that have just changed, if Redis is there.
    pub(crate) async fn changed(&self, ids: &[PostId]) {
        if let Err(error) = self.forget(ids).await {
            tracing::debug!(%error, "changed posts were not forgotten");
        }
    }

    /// Forgets posts, which have changed.
    pub(crate) async fn forget(&self, ids: &[PostId]) -> Result<(), CacheError> {
        let keys: Vec<String> = ids.iter().map(|id| keys::post(*id)).collect();
        cache::forget(&self.cache, &keys).await
    }
}

/// What is to be kept of `posts`, as far as this is asked of us.
fn fills(posts: &[Post], leases: Vec<(PostId, Lease)>) -> Vec<(Lease, Vec<u8>, Duration)> {
    let fills = leases.into_iter().filter_map(|(id, lease)| {
        let post = posts.iter().find(|post| post.id == id)?;
        let bytes = bson::serialize_to_vec(post).ok()?;
        Some((lease, bytes, LIFE))
    });
    fills.collect()
}
