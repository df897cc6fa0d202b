//! Everybody who has posted, page by page.

use bson::{Document, doc};
use domain::UserId;
use futures_util::TryStreamExt;
use serde::Deserialize;
use store::StoreError;

use super::{PostCounts, PostStore, posts::operation};

/// Posts looked at for one page of authors: what a page costs at most.
const SCANNED_MAX: i64 = 20_000;

#[derive(Deserialize)]
struct Author {
    #[serde(rename = "_id")]
    id: UserId,
}

impl PostStore {
    /// Some authors of posts, deleted ones included, in the order of their
    /// ids, none left out between them; none if there are no more.
    async fn authors_after(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let filter = after.map_or_else(Document::new, |after| {
            doc! { "user_id": { "$gt": after } }
        });
        // Answered from the index alone, except for the last sort, which is of a page.
        let pipeline = vec![
            doc! { "$match": filter },
            doc! { "$sort": { "user_id": 1 } },
            doc! { "$limit": SCANNED_MAX },
            doc! { "$group": { "_id": "$user_id" } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": i64::try_from(limit).unwrap_or(i64::MAX) },
        ];
        let documents = self.documents.clone();
        let aggregate = async move {
            let authors = documents.aggregate(pipeline).with_type::<Author>();
            authors.await?.try_collect().await
        };
        let page: Vec<Author> = self
            .store
            .run(operation("authors_after"), aggregate)
            .await?;
        Ok(page.into_iter().map(|author| author.id).collect())
    }
}

/// Up to `limit` accounts that have posts or a count of them, in the order of
/// their ids; none if there are no more.
pub(crate) async fn authors_after(
    posts: &PostStore,
    counts: &PostCounts,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<UserId>, StoreError> {
    let with_posts = posts.authors_after(after, limit).await?;
    let with_count = counts.authors_after(after, limit).await?;
    // Beyond the last of a list that may go on, authors are not known yet.
    let end_of_counts = with_count.last().filter(|_| with_count.len() == limit);
    let end = with_posts
        .last()
        .into_iter()
        .chain(end_of_counts)
        .min()
        .copied();
    let mut authors: Vec<UserId> = with_posts
        .into_iter()
        .chain(with_count)
        .filter(|author| end.is_none_or(|end| *author <= end))
        .collect();
    authors.sort_unstable();
    authors.dedup();
    authors.truncate(limit);
    Ok(authors)
}
