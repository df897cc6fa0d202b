//! What hung on posts and comments that are gone.

use bson::{Document, RawDocumentBuf, doc, oid::ObjectId};
use domain::{LikedId, PostId, Timestamp};
use futures_util::{FutureExt, TryStreamExt};
use store::{Operation, StoreError};

use super::{ErasedContent, Piece, Remains, id, operation};
use crate::mongo::indexes::{COMMENTS, LIKES, SAVED_POSTS, THREAD_NEWEST};

/// Posts and comments looked after together.
const TOGETHER: i64 = 50;
/// Documents of one piece.
const SIZE: i64 = 200;

impl Remains {
    /// Removes some of what hangs on what is gone; false when nothing is left.
    pub(crate) async fn remove_hanging(&self, now: Timestamp) -> Result<bool, StoreError> {
        let content = self.content.clone();
        let find = async move {
            let some = content.find(doc! {}).sort(doc! { "_id": 1 });
            some.limit(TOGETHER).await?.try_collect().await
        };
        let gone: Vec<ErasedContent> = self.store.run(operation("find"), find).await?;
        if gone.is_empty() {
            return Ok(false);
        }
        let on = doc! { "post_id": { "$in": ids(&gone) } };
        let is_cleared = self.remove_comments_on(&gone, now).await?
            && self.remove_some(LIKES, on.clone()).await?
            && self.remove_some(SAVED_POSTS, on).await?;
        if is_cleared {
            let content = self.content.clone();
            let of_these = doc! { "_id": { "$in": ids(&gone) } };
            let done = async move { content.delete_many(of_these).await };
            self.store.run(operation("done"), done).await?;
        }
        Ok(true)
    }

    /// Comments go with a post, and replies with a comment; on each of them
    /// something may hang in its turn. True when none was left.
    async fn remove_comments_on(
        &self,
        gone: &[ErasedContent],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let posts: Vec<PostId> = gone
            .iter()
            .filter(|it| it.is_post())
            .map(|it| it.post_id)
            .collect();
        let replies = gone.iter().filter(|it| !it.is_post());
        let replies = replies.map(|it| doc! { "post_id": it.post_id, "parent_id": it.id });
        let mut on: Vec<Document> = replies.collect();
        if !posts.is_empty() {
            on.push(doc! { "post_id": { "$in": posts } });
        }
        let piece = Piece {
            collection: COMMENTS,
            filter: doc! { "$or": on },
            index: THREAD_NEWEST,
            size: SIZE,
        };
        if !self.is_left(&piece).await? {
            return Ok(true);
        }
        let this = self.clone();
        self.store
            .transaction(operation("remove_comments_on"), move |session| {
                let (this, piece) = (this.clone(), piece.clone());
                async move {
                    let found = this.read(&mut *session, &piece).await?;
                    let erased = ErasedContent::of_comments(&found, now);
                    let ids: Vec<ObjectId> = erased.iter().map(|it| it.id.oid()).collect();
                    this.remove(&mut *session, COMMENTS, &ids).await?;
                    this.note(session, &erased).await?;
                    Ok(false)
                }
                .boxed()
            })
            .await
    }

    /// Removes some documents of a collection; true when none was left.
    async fn remove_some(
        &self,
        collection: &'static str,
        filter: Document,
    ) -> Result<bool, StoreError> {
        let documents = self.store.collection::<RawDocumentBuf>(collection);
        let remove = async move {
            let find = documents.find(filter).projection(doc! { "_id": 1 });
            let found: Vec<RawDocumentBuf> = find.limit(SIZE).await?.try_collect().await?;
            if found.is_empty() {
                return Ok(true);
            }
            let found = found.iter().filter_map(|raw| id(raw, "_id"));
            let found: Vec<ObjectId> = found.collect();
            documents
                .delete_many(doc! { "_id": { "$in": found } })
                .await?;
            Ok(false)
        };
        let operation = Operation {
            collection,
            name: "remove_hanging",
        };
        self.store.run(operation, remove).await
    }
}

fn ids(content: &[ErasedContent]) -> Vec<LikedId> {
    content.iter().map(|it| it.id).collect()
}
