use bson::{doc, oid::ObjectId};
use domain::{Timestamp, UserId};
use futures_util::FutureExt;
use store::StoreError;

use super::{ErasedContent, Piece, Remains, Removed, operation};
use crate::mongo::indexes::{COMMENTS, USER_ID_NEWEST};

/// Comments of one transaction, each with the counters of what it was about.
const SIZE: i64 = 25;

impl Remains {
    /// Removes some comments of `author`, deleted ones too. The replies of
    /// others to them are there for nobody any more.
    pub(crate) async fn remove_comments(
        &self,
        author: UserId,
        now: Timestamp,
    ) -> Result<Removed, StoreError> {
        let piece = Piece {
            collection: COMMENTS,
            filter: doc! { "user_id": author },
            index: USER_ID_NEWEST,
            size: SIZE,
        };
        if !self.is_left(&piece).await? {
            return Ok(Removed::default());
        }
        let this = self.clone();
        self.store
            .transaction(operation("remove_comments"), move |session| {
                let (this, piece) = (this.clone(), piece.clone());
                async move {
                    let found = this.read(&mut *session, &piece).await?;
                    let erased = ErasedContent::of_comments(&found, now);
                    let ids: Vec<ObjectId> = erased.iter().map(|it| it.id.oid()).collect();
                    // First: it writes what others write, too.
                    for id in &ids {
                        let id = (*id).into();
                        this.comments.delete_in(&mut *session, id, now).await?;
                    }
                    this.remove(&mut *session, COMMENTS, &ids).await?;
                    this.note(session, &erased).await?;
                    Ok(Removed {
                        count: ids.len(),
                        posts: erased.iter().map(|it| it.post_id).collect(),
                    })
                }
                .boxed()
            })
            .await
    }
}
