use std::collections::HashMap;

use bson::{Bson, Document, doc, oid::ObjectId};
use domain::PostId;
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{ClientSession, Collection, error::Result};
use serde::Deserialize;
use store::{Operation, Store, StoreError, readable_number};

use super::indexes::{LIKES, POSTS};

/// Likes that are counted in one snapshot. MongoDB counts a million in about
/// half a second, and ends a snapshot that takes too long.
const COUNTED_AT_ONCE: i64 = 200_000;

/// How many like a post, according to the post. What is no number is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LikeCount {
    #[serde(rename = "_id")]
    pub(crate) post_id: PostId,
    pub(crate) likes_count: i64,
}

/// A post that does not have as many likes as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LikeMismatch {
    pub(crate) post_id: PostId,
    pub(crate) stored: i64,
    pub(crate) counted: i64,
}

/// The `likes_count` of posts, and what it counts. Posts that are deleted go on
/// being counted: who likes them is stored as before.
#[derive(Clone)]
pub(crate) struct LikeCounts {
    store: Store,
    posts: Collection<Document>,
    likes: Collection<Document>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "_id")]
    post_id: PostId,
    count: i64,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: LIKES,
        name,
    }
}

impl LikeCounts {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            posts: store.collection(POSTS),
            likes: store.collection(LIKES),
        }
    }

    /// What up to `limit` posts behind `after` say, in the order of their ids.
    pub(crate) async fn page(
        &self,
        after: Option<PostId>,
        limit: u32,
    ) -> std::result::Result<Vec<LikeCount>, StoreError> {
        // Without it, an `_id` of another type, which is no post, would be first.
        let first = doc! { "$gte": ObjectId::from_bytes([0; 12]) };
        let behind = after.map_or(first, |after| doc! { "$gt": after });
        let pipeline = [
            doc! { "$match": { "_id": behind } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": i64::from(limit) },
            doc! { "$project": { "likes_count": readable_number("likes_count") } },
        ];
        let posts = self.posts.clone();
        let page = async move {
            let counts = posts.aggregate(pipeline).with_type::<LikeCount>();
            counts.await?.try_collect().await
        };
        self.store.run(operation("count_page"), page).await
    }

    /// Those of a page that say something wrong: each as of one moment, which
    /// is not the same for all.
    pub(crate) async fn mismatches(
        &self,
        page: &[LikeCount],
    ) -> std::result::Result<Vec<LikeMismatch>, StoreError> {
        let mut mismatches = Vec::new();
        for group in groups(page) {
            mismatches.extend(self.mismatches_of(group).await?);
        }
        Ok(mismatches)
    }

    async fn mismatches_of(
        &self,
        post_ids: Vec<PostId>,
    ) -> std::result::Result<Vec<LikeMismatch>, StoreError> {
        let this = self.clone();
        let mismatches = operation("count_mismatches");
        self.store
            .snapshot(mismatches, move |snapshot| {
                let (this, post_ids) = (this.clone(), post_ids.clone());
                async move {
                    let stored = this.stored(&mut *snapshot, &post_ids).await?;
                    let counted = this.counted(snapshot, &post_ids).await?;
                    let mismatch = |it: LikeCount| LikeMismatch {
                        post_id: it.post_id,
                        stored: it.likes_count,
                        counted: counted.get(&it.post_id).copied().unwrap_or_default(),
                    };
                    let all = stored.into_iter().map(mismatch);
                    Ok(all.filter(|it| it.stored != it.counted).collect())
                }
                .boxed()
            })
            .await
    }

    async fn stored(
        &self,
        session: &mut ClientSession,
        post_ids: &[PostId],
    ) -> Result<Vec<LikeCount>> {
        let pipeline = [
            doc! { "$match": { "_id": { "$in": post_ids } } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$project": { "likes_count": readable_number("likes_count") } },
        ];
        let counts = self.posts.aggregate(pipeline).with_type::<LikeCount>();
        let mut counts = counts.session(&mut *session).await?;
        counts.stream(session).try_collect().await
    }

    async fn counted(
        &self,
        session: &mut ClientSession,
        post_ids: &[PostId],
    ) -> Result<HashMap<PostId, i64>> {
        let pipeline = [
            doc! { "$match": { "post_id": { "$in": post_ids } } },
            doc! { "$group": { "_id": "$post_id", "count": { "$sum": 1_i64 } } },
        ];
        let group = self.likes.aggregate(pipeline).with_type::<Counted>();
        let mut counted = group.session(&mut *session).await?;
        let counted = counted.stream(session);
        let by_post = counted.map_ok(|it| (it.post_id, it.count));
        by_post.try_collect().await
    }

    /// Sets what a post says to how many likes there are.
    pub(crate) async fn repair(&self, post_id: PostId) -> std::result::Result<(), StoreError> {
        let this = self.clone();
        let repair = operation("repair_count");
        self.store
            .transaction(repair, move |transaction| {
                let this = this.clone();
                async move {
                    // Written before the likes are counted: what changes them meanwhile collides
                    // with it, and counting is not in vain. A write that changes nothing would
                    // not collide.
                    let wrong = doc! { "$add": [readable_number("likes_count"), 1_i64] };
                    this.set(&mut *transaction, post_id, wrong).await?;
                    let counted = this.counted(&mut *transaction, &[post_id]).await?;
                    let right = counted.get(&post_id).copied().unwrap_or_default();
                    this.set(transaction, post_id, right).await
                }
                .boxed()
            })
            .await
    }

    async fn set(
        &self,
        transaction: &mut ClientSession,
        post_id: PostId,
        count: impl Into<Bson>,
    ) -> Result<()> {
        let set = vec![doc! { "$set": { "likes_count": count.into() } }];
        let update = self.posts.update_one(doc! { "_id": post_id }, set);
        update.session(transaction).await?;
        Ok(())
    }
}

/// Posts that are counted together, going by what they say.
fn groups(page: &[LikeCount]) -> Vec<Vec<PostId>> {
    let (mut groups, mut likes) = (vec![Vec::new()], 0);
    for count in page {
        likes += count.likes_count.max(0);
        if likes > COUNTED_AT_ONCE {
            groups.push(Vec::new());
            likes = count.likes_count;
        }
        if let Some(group) = groups.last_mut() {
            group.push(count.post_id);
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_are_counted_together_until_they_have_too_many_likes() {
        let page: Vec<LikeCount> = [1, 199_999, 1, -5, 500_000, 3]
            .map(|likes_count| LikeCount {
                post_id: PostId::generate(),
                likes_count,
            })
            .into();
        let groups = groups(&page);
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2, 1, 1]);
        let flat: Vec<PostId> = groups.concat();
        let all: Vec<PostId> = page.iter().map(|it| it.post_id).collect();
        assert_eq!(flat, all);
    }
}
