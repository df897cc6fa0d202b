//! All posts as one list, and those that carry a word, newest first.
//!
//! What a query looks at is bounded by its limit, not what it finds: a word may
//! be everywhere and hardly ever beside another.

use bson::{Bson, Document, doc};
use domain::PostId;
use futures_util::TryStreamExt;
use mongodb::options::Hint;
use serde::Deserialize;
use store::StoreError;

use super::{
    Position, PostStore, Stretch,
    indexes::{HASHTAGS_NEWEST, NEWEST, SEARCH_WORDS_NEWEST},
    newest_first::newest_first,
    posts::operation,
};

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "_id")]
    id: PostId,
    created_at: domain::Timestamp,
    is_match: bool,
}

impl PostStore {
    /// The newest posts of all, of at most `limit`, behind a position if one is
    /// given.
    pub(crate) async fn newest_of_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Stretch, StoreError> {
        self.newest_with(Document::new(), NEWEST, true, after, limit)
            .await
    }

    /// The newest posts with a hashtag, of at most `limit`.
    pub(crate) async fn newest_with_hashtag(
        &self,
        hashtag: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Stretch, StoreError> {
        let carrying = doc! { "hashtags": hashtag };
        self.newest_with(carrying, HASHTAGS_NEWEST, true, after, limit)
            .await
    }

    /// The newest posts in whose text all of `words` are, of at most `limit`
    /// with the longest of them, which is likely to be the rarest.
    pub(crate) async fn newest_with_words(
        &self,
        words: &[String],
        after: Option<Position>,
        limit: usize,
    ) -> Result<Stretch, StoreError> {
        let Some(longest) = words.iter().max_by_key(|word| word.chars().count()) else {
            return Ok(Stretch::default());
        };
        let carrying = doc! { "search_words": longest };
        let has_all = doc! { "$setIsSubset": [words, "$search_words"] };
        self.newest_with(carrying, SEARCH_WORDS_NEWEST, has_all, after, limit)
            .await
    }

    async fn newest_with(
        &self,
        carrying: Document,
        index: &'static str,
        is_match: impl Into<Bson>,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Stretch, StoreError> {
        let after = after.map(|Position(at, id)| (at, "_id", id.oid()));
        let filter = newest_first(carrying, after);
        let is_there = doc! { "$eq": [{ "$ifNull": ["$deleted_at", Bson::Null] }, Bson::Null] };
        let needed = doc! { "created_at": 1, "is_match": { "$and": [is_there, is_match.into()] } };
        let documents = self.documents.clone_with_type::<Entry>();
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = async move {
            let find = documents
                .find(filter)
                .sort(doc! { "created_at": -1, "_id": -1 })
                .projection(needed)
                .hint(Hint::Name(index.to_owned()));
            find.limit(most).await?.try_collect().await
        };
        let entries: Vec<Entry> = self.store.run(operation(index), find).await?;
        let position = |entry: &Entry| Position(entry.created_at, entry.id);
        let last = entries.last().map(position);
        let matching = entries.iter().filter(|entry| entry.is_match);
        Ok(Stretch {
            found: matching.map(position).collect(),
            last: last.filter(|_| entries.len() >= limit),
        })
    }
}
