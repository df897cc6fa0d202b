//! Everything of an account, oldest first.

use bson::{DateTime, Document, RawDocumentBuf, doc, oid::ObjectId};
use domain::{Timestamp, UserId};
use futures_util::TryStreamExt;
use mongodb::options::Hint;
use serde::de::DeserializeOwned;
use store::{Operation, Store, StoreError, readable};

use super::indexes::{COMMENTS, LIKES, POSTS, SAVED_POSTS, USER_ID_NEWEST, USER_ID_TYPE_NEWEST};
use crate::likes::LikedKind;

/// What an account has made or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belongings {
    Posts,
    Comments,
    Likes(LikedKind),
    Saves,
}

/// Where something stands among the [`Belongings`] of its kind, oldest first:
/// when it was made, and what tells it from others of the same moment.
pub(crate) type Since = (Timestamp, ObjectId);

/// The lists of what accounts have made, from their beginning.
#[derive(Clone)]
pub(crate) struct Exports {
    store: Store,
}

/// Some of a list, in its order.
pub(crate) struct ExportChunk<T> {
    pub(crate) items: Vec<T>,
    /// Where it goes on; `None` at its end.
    pub(crate) next: Option<Since>,
}

impl Belongings {
    const fn collection(self) -> &'static str {
        match self {
            Self::Posts => POSTS,
            Self::Comments => COMMENTS,
            Self::Likes(_) => LIKES,
            Self::Saves => SAVED_POSTS,
        }
    }

    /// What is newest last in it is oldest first the other way round.
    const fn index(self) -> &'static str {
        match self {
            Self::Posts | Self::Comments | Self::Saves => USER_ID_NEWEST,
            Self::Likes(_) => USER_ID_TYPE_NEWEST,
        }
    }

    /// The field that tells those of one moment apart.
    const fn tie(self) -> &'static str {
        match self {
            Self::Posts | Self::Comments => "_id",
            Self::Likes(_) | Self::Saves => "post_id",
        }
    }

    fn of(self, user_id: UserId, after: Option<Since>) -> Document {
        let mut filter = doc! { "user_id": user_id };
        if let Self::Likes(kind) = self {
            filter.insert("type", kind.like_type());
        }
        let Some((at, id)) = after else {
            filter.insert("created_at", doc! { "$gte": DateTime::MIN });
            return filter;
        };
        filter.insert("created_at", doc! { "$gte": at });
        // Not `$or`, for which the planner would give up the order of the index.
        let before = doc! { "created_at": at, self.tie(): { "$lte": id } };
        filter.insert("$nor", vec![before]);
        filter
    }

    fn place(self, document: &RawDocumentBuf) -> Option<Since> {
        let at = document.get_datetime("created_at").ok()?;
        Some((at.into(), document.get_object_id(self.tie()).ok()?))
    }
}

impl Exports {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    /// At most `limit` of what `user_id` has of a kind, oldest first, behind
    /// `after`. What `posts migrate` has not dated yet is not in it.
    pub(crate) async fn after<T: DeserializeOwned>(
        &self,
        user_id: UserId,
        kind: Belongings,
        after: Option<Since>,
        limit: usize,
    ) -> Result<ExportChunk<T>, StoreError> {
        let collection = kind.collection();
        let documents = self.store.collection::<RawDocumentBuf>(collection);
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = async move {
            let find = documents.find(kind.of(user_id, after)).limit(most);
            let sorted = find.sort(doc! { "created_at": 1, kind.tie(): 1 });
            let by_index = sorted.hint(Hint::Name(kind.index().to_owned()));
            by_index.await?.try_collect().await
        };
        let operation = Operation {
            collection,
            name: "export",
        };
        let found: Vec<RawDocumentBuf> = self.store.run(operation, find).await?;
        let last = found.last().filter(|_| found.len() == limit);
        let items = found.iter().filter_map(|raw| readable(collection, raw));
        Ok(ExportChunk {
            next: last.and_then(|last| kind.place(last)),
            items: items.collect(),
        })
    }
}
