//! The predecessor's likes: completed, and of each thing at most one of each person.
//!
//! The collection is shared with the owners of other things that can be liked,
//! and so is what is done here, which concerns likes of every type: the first
//! who migrates does it for all. It is done until there is the unique index of ours.

use bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId};
use domain::Timestamp;
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{
    Collection, IndexModel,
    options::{Hint, IndexOptions},
};
use store::{Index, Operation, Store, StoreError, readable_number};

use super::dated_by_id;
use crate::mongo::indexes::{LIKES, POSTS, USER_ID_POST_ID, lists_of_likes, one_like_each, pair};

/// Finds likes of the same thing by the same person, while that is allowed.
const DUPLICATES: &str = "user_id_post_id_duplicates";

/// What became of old likes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OldLikes {
    /// Got a type or the time at which they were made.
    pub(super) completed: u64,
    /// Were there twice.
    pub(super) removed: u64,
}

/// Takes the likes of an old database over, unless that was done.
pub(super) async fn take_over(store: &Store) -> Result<OldLikes, StoreError> {
    let likes = store.collection(LIKES);
    store.ensure_indexes(&lists_of_likes()).await?;
    let is_own = |index: &IndexModel| name_of(index) == Some(USER_ID_POST_ID) && is_unique(index);
    if pair_indexes(&likes).await?.iter().any(is_own) {
        return Ok(OldLikes::default());
    }
    let completed = complete(&likes).await?;
    let mut removed = 0;
    // Again as long as somebody adds to them: the predecessor may be at work.
    loop {
        match store.ensure_indexes(&[one_like_each()]).await {
            Err(error) if error.duplicate_index().is_some() => {
                let more = remove_duplicates(store, &likes).await?;
                if more == 0 {
                    return Err(error);
                }
                removed += more;
            }
            ensured => break ensured?,
        }
    }
    // Whoever names an index by its keys must mean one.
    for index in pair_indexes(&likes).await? {
        if let Some(name) = name_of(&index).filter(|_| !is_unique(&index)) {
            likes.drop_index(name).await?;
        }
    }
    Ok(OldLikes { completed, removed })
}

async fn pair_indexes(likes: &Collection<Document>) -> Result<Vec<IndexModel>, StoreError> {
    let indexes: Vec<IndexModel> = likes.list_indexes().await?.try_collect().await?;
    let of_pairs = indexes.into_iter().filter(|index| index.keys == pair());
    Ok(of_pairs.collect())
}

fn name_of(index: &IndexModel) -> Option<&str> {
    index.options.as_ref()?.name.as_deref()
}

fn is_unique(index: &IndexModel) -> bool {
    let options = index.options.as_ref();
    options.and_then(|it| it.unique).unwrap_or_default()
}

/// Lists are of a type, and sorted by `created_at`. A like without a type is of
/// a post.
async fn complete(likes: &Collection<Document>) -> Result<u64, StoreError> {
    // With a range of what comes first in their index, both look at one entry for each post and
    // each person, not at every like.
    let any = doc! { "$gte": ObjectId::from_bytes([0; 12]) };
    let a_date = doc! { "$gte": DateTime::MIN };
    let undated = doc! { "post_id": any.clone(), "created_at": { "$not": a_date } };
    let untyped = doc! { "user_id": any, "type": Bson::Null };
    let of_a_post = doc! { "$set": { "type": "post" } };
    // However long that takes.
    let dated = likes.update_many(undated, dated_by_id()).await?;
    let typed = likes.update_many(untyped, of_a_post).await?;
    Ok(dated.modified_count + typed.modified_count)
}

/// Keeps the oldest of each, and takes the others out of the counts.
async fn remove_duplicates(store: &Store, likes: &Collection<Document>) -> Result<u64, StoreError> {
    let index = Index {
        collection: LIKES,
        name: DUPLICATES,
        keys: pair(),
        options: IndexOptions::default(),
    };
    store.ensure_indexes(&[index]).await?;
    // Answered by the index alone.
    let pairs = likes.clone_with_type::<RawDocumentBuf>();
    let pairs = pairs
        .find(doc! {})
        .sort(pair())
        .projection(doc! { "_id": 0, "user_id": 1, "post_id": 1 })
        .hint(Hint::Keys(pair()));
    let mut pairs = pairs.await?;
    let (mut last, mut last_removed) = (None, None);
    let mut removed = 0;
    while let Some(pair) = pairs.try_next().await? {
        if last.as_ref() == Some(&pair) && last_removed.as_ref() != Some(&pair) {
            removed += keep_oldest(store, likes, only(&pair)?).await?;
            last_removed = Some(pair.clone());
        }
        last = Some(pair);
    }
    Ok(removed)
}

/// What finds the likes of a pair, and no others: also where a field is not there.
fn only(pair: &RawDocumentBuf) -> mongodb::error::Result<Document> {
    let mut pair = Document::try_from(pair.clone()).map_err(mongodb::error::Error::from)?;
    let mut field = |name| pair.remove(name).unwrap_or(Bson::Null);
    Ok(doc! { "user_id": field("user_id"), "post_id": field("post_id") })
}

async fn keep_oldest(
    store: &Store,
    likes: &Collection<Document>,
    pair: Document,
) -> Result<u64, StoreError> {
    let operation = Operation {
        collection: LIKES,
        name: "keep_oldest",
    };
    let (this, likes) = (store.clone(), likes.clone());
    let keep = store.transaction(operation, move |transaction| {
        let (this, likes, pair) = (this.clone(), likes.clone(), pair.clone());
        async move {
            let mut same = likes.find(pair.clone()).session(&mut *transaction).await?;
            let mut same: Vec<Document> = same.stream(&mut *transaction).try_collect().await?;
            same.sort_by_key(since);
            let others = same.iter().skip(1).filter_map(|like| like.get("_id"));
            let others: Vec<&Bson> = others.collect();
            let delete = likes.delete_many(doc! { "_id": { "$in": others } });
            let removed = delete.session(&mut *transaction).await?.deleted_count;

            let less = -i64::try_from(removed).unwrap_or(i64::MAX);
            let count = doc! { "$add": [readable_number("likes_count"), less] };
            let set = doc! { "$set": { "likes_count": { "$max": [count, 0_i64] } } };
            let post = doc! { "_id": pair.get("post_id") };
            let counts = vec![doc! { "q": post, "u": [set] }];
            this.update_each(transaction, POSTS, counts).await?;
            Ok(removed)
        }
        .boxed()
    });
    keep.await
}

/// What decides which of several likes is the oldest.
fn since(like: &Document) -> (Option<Timestamp>, Option<ObjectId>) {
    let created_at = like.get_datetime("created_at").ok();
    let id = like.get_object_id("_id").ok();
    (created_at.copied().map(Timestamp::from), id)
}
