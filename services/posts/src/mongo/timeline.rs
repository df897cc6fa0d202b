//! The posts of many authors as one list, newest first.

use bson::{Bson, doc};
use domain::{PostId, Timestamp, UserId};
use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::options::Hint;
use serde::{Deserialize, Serialize};
use store::StoreError;

use super::{PostStore, indexes::USER_ID_NEWEST, newest_first::newest_first, posts::operation};

/// Authors of one query. MongoDB merges the index ranges of up to 200 values in
/// order; beyond that it would sort in memory.
const AUTHORS_MAX: usize = 150;
/// Queries of one page at a time.
const QUERIES_AT_ONCE: usize = 4;

/// Where a post stands in a list that is newest first. The larger stands
/// before the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Position(pub(crate) Timestamp, pub(crate) PostId);

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "_id")]
    id: PostId,
    created_at: Timestamp,
}

impl PostStore {
    /// The newest posts of `authors`, at most `limit`, those after a position
    /// if one is given. Posts that `posts migrate` has not dated yet are not in it.
    pub(crate) async fn newest(
        &self,
        authors: &[UserId],
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let queries: Vec<_> = authors
            .chunks(AUTHORS_MAX)
            .map(|chunk| self.newest_of(chunk, after, limit))
            .collect();
        let mut lists = stream::iter(queries).buffer_unordered(QUERIES_AT_ONCE);
        let mut merged: Vec<Position> = Vec::new();
        while let Some(list) = lists.try_next().await? {
            merged.extend(list);
            merged.sort_unstable_by(|a, b| b.cmp(a));
            merged.truncate(limit);
        }
        Ok(merged)
    }

    async fn newest_of(
        &self,
        authors: &[UserId],
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let after = after.map(|Position(at, id)| (at, "_id", id.oid()));
        let live = doc! { "user_id": { "$in": authors }, "deleted_at": Bson::Null };
        let filter = newest_first(live, after);
        let documents = self.documents.clone_with_type::<Entry>();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = async move {
            let sorted = documents
                .find(filter)
                .sort(doc! { "created_at": -1, "_id": -1 })
                .projection(doc! { "created_at": 1 })
                .hint(Hint::Name(USER_ID_NEWEST.to_owned()));
            sorted.limit(limit).await?.try_collect().await
        };
        let entries: Vec<Entry> = self.store.run(operation("newest"), find).await?;
        let positions = entries.into_iter();
        Ok(positions
            .map(|entry| Position(entry.created_at, entry.id))
            .collect())
    }
}
