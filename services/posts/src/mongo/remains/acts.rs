//! What an account has done to the things of others.

use bson::{Document, RawDocumentBuf, doc};
use domain::{PostId, UserId};
use futures_util::FutureExt;
use store::{StoreError, readable_number};

use super::{Piece, Remains, Removed, id, operation};
use crate::{
    likes::LikedKind,
    mongo::{
        indexes::{LIKES, POSTS, SAVED_POSTS, USER_ID_NEWEST, USER_ID_TYPE_NEWEST},
        liked::collection_of,
    },
};

/// Acts of one transaction. Each is of another thing, whose counter others may
/// be changing at the same time.
const SIZE: i64 = 50;

/// Acts of one kind: where they are, and what counts them.
#[derive(Clone, Copy)]
struct Acts {
    collection: &'static str,
    index: &'static str,
    /// The type that they have, where there are several.
    kind: Option<LikedKind>,
    counted_in: &'static str,
    counter: &'static str,
}

impl Acts {
    fn of(self, user_id: UserId) -> Document {
        let mut own = doc! { "user_id": user_id };
        if let Some(kind) = self.kind {
            own.insert("type", kind.like_type());
        }
        own
    }
}

impl Remains {
    /// Removes some likes that `user_id` gave to things of this kind.
    pub(crate) async fn remove_likes(
        &self,
        user_id: UserId,
        kind: LikedKind,
    ) -> Result<Removed, StoreError> {
        let likes = Acts {
            collection: LIKES,
            index: USER_ID_TYPE_NEWEST,
            kind: Some(kind),
            counted_in: collection_of(kind),
            counter: "likes_count",
        };
        self.remove_acts(user_id, likes).await
    }

    /// Removes some of what `user_id` has saved.
    pub(crate) async fn remove_saves(&self, user_id: UserId) -> Result<Removed, StoreError> {
        let saves = Acts {
            collection: SAVED_POSTS,
            index: USER_ID_NEWEST,
            kind: None,
            counted_in: POSTS,
            counter: "saves_count",
        };
        self.remove_acts(user_id, saves).await
    }

    async fn remove_acts(&self, user_id: UserId, acts: Acts) -> Result<Removed, StoreError> {
        let piece = Piece {
            collection: acts.collection,
            filter: acts.of(user_id),
            index: acts.index,
            size: SIZE,
        };
        if !self.is_left(&piece).await? {
            return Ok(Removed::default());
        }
        let this = self.clone();
        self.store
            .transaction(operation("remove_acts"), move |session| {
                let (this, piece) = (this.clone(), piece.clone());
                async move {
                    let found = this.read(&mut *session, &piece).await?;
                    let act = |act: &RawDocumentBuf| Some((id(act, "_id")?, id(act, "post_id")?));
                    let (ids, things): (Vec<_>, Vec<_>) = found.iter().filter_map(act).unzip();
                    // First: it writes what others write, too. What is gone for good counts nothing.
                    let fewer = things.iter().map(|thing| {
                        let count = doc! { "$add": [readable_number(acts.counter), -1_i64] };
                        doc! { "q": { "_id": *thing }, "u": [{ "$set": { acts.counter: count } }] }
                    });
                    let fewer =
                        this.store
                            .update_each(&mut *session, acts.counted_in, fewer.collect());
                    fewer.await?;
                    this.remove(session, acts.collection, &ids).await?;
                    Ok(Removed {
                        count: ids.len(),
                        posts: match acts.counted_in {
                            POSTS => things.into_iter().map(PostId::from).collect(),
                            _ => Vec::new(),
                        },
                    })
                }
                .boxed()
            })
            .await
    }
}
