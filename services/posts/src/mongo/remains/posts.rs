use bson::{RawBsonRef, RawDocument, RawDocumentBuf, doc, oid::ObjectId};
use domain::{PostId, Timestamp, UserId};
use futures_util::FutureExt;
use store::StoreError;

use super::{ErasedContent, Piece, Remains, Removed, id, operation};
use crate::mongo::{
    indexes::{POSTS, USER_ID_NEWEST},
    posts::deletion_rows,
};

/// Posts of one transaction, each with two rows for the broker.
const SIZE: i64 = 100;

impl Remains {
    /// Removes some posts of `author`, deleted ones too, and tells the others of
    /// those that were there for them.
    pub(crate) async fn remove_posts(
        &self,
        author: UserId,
        now: Timestamp,
    ) -> Result<Removed, StoreError> {
        let piece = Piece {
            collection: POSTS,
            filter: doc! { "user_id": author },
            index: USER_ID_NEWEST,
            size: SIZE,
        };
        if !self.is_left(&piece).await? {
            return Ok(Removed::default());
        }
        let this = self.clone();
        let removed = self
            .store
            .transaction(operation("remove_posts"), move |session| {
                let (this, piece) = (this.clone(), piece.clone());
                async move {
                    let found = this.read(&mut *session, &piece).await?;
                    let post = |post: &RawDocumentBuf| Some((id(post, "_id")?, is_live(post)));
                    let found: Vec<_> = found.iter().filter_map(post).collect();
                    let ids: Vec<ObjectId> = found.iter().map(|(id, _)| *id).collect();
                    let live = found.iter().filter(|(_, is_live)| *is_live);
                    let live: Vec<PostId> = live.map(|(id, _)| (*id).into()).collect();
                    if !live.is_empty() {
                        let fewer = i64::try_from(live.len()).unwrap_or(i64::MAX);
                        this.counts.change(&mut *session, author, -fewer).await?;
                    }
                    this.remove(&mut *session, POSTS, &ids).await?;
                    let erased = ids.iter().map(|id| ErasedContent {
                        id: (*id).into(),
                        post_id: (*id).into(),
                        at: now,
                    });
                    let erased: Vec<_> = erased.collect();
                    this.note(&mut *session, &erased).await?;
                    let rows = live.iter().flat_map(|id| deletion_rows(*id, author, now));
                    let rows: Vec<_> = rows.collect();
                    this.outbox.put(session, &rows).await?;
                    Ok(Removed {
                        count: ids.len(),
                        posts: ids.into_iter().map(PostId::from).collect(),
                    })
                }
                .boxed()
            })
            .await?;
        self.outbox.wake();
        Ok(removed)
    }
}

/// As every query has it.
fn is_live(post: &RawDocument) -> bool {
    matches!(post.get("deleted_at"), Ok(None | Some(RawBsonRef::Null)))
}
