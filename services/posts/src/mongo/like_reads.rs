//! Who likes what, as it is stored.

use std::collections::HashMap;

use bson::{DateTime, Document, RawDocumentBuf, doc, oid::ObjectId};
use domain::{Like, LikeType, Post, PostId, Timestamp, UserId};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{Collection, options::Hint};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::{Operation, Store, StoreError, readable};

use super::{
    Position,
    indexes::{LIKE_TOMBSTONES, LIKES, POST_ID_NEWEST, POSTS, USER_ID_TYPE_NEWEST, pair},
};
use crate::intents::AppliedLike;

/// The likes that are stored, for whoever looks at posts.
#[derive(Clone)]
pub(crate) struct LikeReads {
    store: Store,
    likes: Collection<RawDocumentBuf>,
    tombstones: Collection<RawDocumentBuf>,
    posts: Collection<RawDocumentBuf>,
}

/// What is stored about posts and what one user thinks of them, all of one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    counts: HashMap<PostId, i64>,
    own: HashMap<PostId, Like>,
    /// By posts that the user does not like (any more).
    taken_back: HashMap<PostId, i64>,
}

/// Some of a list of likes, in its order.
pub(crate) struct LikeChunk {
    pub(crate) likes: Vec<Like>,
    /// Whether nothing comes after them.
    pub(crate) is_end: bool,
}

/// Where a like stands among those of its post, newest first. The larger
/// stands before the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LikerPosition(pub(crate) Timestamp, pub(crate) UserId);

#[derive(Deserialize)]
struct Tombstone {
    user_id: UserId,
    post_id: PostId,
    version: i64,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: LIKES,
        name,
    }
}

impl LikerPosition {
    /// Where `like` stands.
    pub(crate) fn of(like: &Like) -> Self {
        Self(like.created_at(), like.user_id)
    }
}

impl Position {
    /// Where `like` stands among those of its user.
    pub(crate) fn of_like(like: &Like) -> Self {
        Self(like.created_at(), like.post_id)
    }
}

impl Moment {
    /// How many like the post, if it is there.
    pub(crate) fn count(&self, post: PostId) -> Option<i64> {
        self.counts.get(&post).copied()
    }

    /// The user's like of the post.
    pub(crate) fn own(&self, post: PostId) -> Option<&Like> {
        self.own.get(&post)
    }

    /// The version by which the user last changed their mind about the post; 0 if they never did.
    pub(crate) fn version(&self, post: PostId) -> i64 {
        let liked = self.own(post).map(|like| like.version);
        let taken_back = self.taken_back.get(&post).copied();
        liked.max(taken_back).unwrap_or_default()
    }
}

impl LikeReads {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            likes: store.collection(LIKES),
            tombstones: store.collection(LIKE_TOMBSTONES),
            posts: store.collection(POSTS),
        }
    }

    /// The likes of `user_id` of those of `posts` that they like.
    pub(crate) async fn own(
        &self,
        user_id: UserId,
        posts: &[PostId],
    ) -> Result<HashMap<PostId, Like>, StoreError> {
        if posts.is_empty() {
            return Ok(HashMap::new());
        }
        let (likes, filter) = (self.likes.clone(), of_user(user_id, posts));
        let find = async move {
            let find = likes.find(filter).hint(Hint::Keys(pair()));
            find.await?.try_collect().await
        };
        let found: Vec<RawDocumentBuf> = self.store.run(operation("own"), find).await?;
        Ok(by_post(&found))
    }

    /// What `user_id` thinks of `posts`, and how many like each, at one moment.
    pub(crate) async fn moment(
        &self,
        user_id: UserId,
        posts: &[PostId],
    ) -> Result<Moment, StoreError> {
        if posts.is_empty() {
            return Ok(Moment::default());
        }
        let (this, posts) = (self.clone(), posts.to_vec());
        let read = self.store.snapshot(operation("moment"), move |session| {
            let (this, posts) = (this.clone(), posts.clone());
            async move {
                let counts = doc! { "_id": { "$in": &posts } };
                let needed = doc! { "user_id": 1, "likes_count": 1 };
                let counts = this.posts.find(counts).projection(needed);
                let mut counts = counts.session(&mut *session).await?;
                let counts: Vec<_> = counts.stream(session).try_collect().await?;
                let own = of_user(user_id, &posts);
                let own = this.likes.find(own).hint(Hint::Keys(pair()));
                let mut own = own.session(&mut *session).await?;
                let own: Vec<_> = own.stream(session).try_collect().await?;
                let taken_back = this.tombstones.find(of_user(user_id, &posts));
                let mut taken_back = taken_back.session(&mut *session).await?;
                let taken_back: Vec<_> = taken_back.stream(session).try_collect().await?;
                Ok((counts, own, taken_back))
            }
            .boxed()
        });
        let (counts, own, taken_back) = read.await?;
        let counts = all_readable::<Post>(POSTS, &counts);
        let taken_back = all_readable::<Tombstone>(LIKE_TOMBSTONES, &taken_back);
        Ok(Moment {
            counts: counts.map(|post| (post.id, post.likes_count)).collect(),
            own: by_post(&own),
            taken_back: taken_back.map(|it| (it.post_id, it.version)).collect(),
        })
    }

    /// The versions by which the users of `intents` last changed their minds about
    /// their posts, as far as that is known.
    pub(crate) async fn versions(
        &self,
        intents: &[AppliedLike],
    ) -> Result<HashMap<(UserId, PostId), i64>, StoreError> {
        let of_one = |it: &AppliedLike| doc! { "user_id": it.user_id, "post_id": it.post_id };
        let pairs = doc! { "$or": intents.iter().map(of_one).collect::<Vec<_>>() };
        let (likes, tombstones) = (self.likes.clone(), self.tombstones.clone());
        let find = async move {
            // In this order, so that what is liked again meanwhile is in one of them.
            let taken_back = tombstones.find(pairs.clone()).hint(Hint::Keys(pair()));
            let taken_back: Vec<_> = taken_back.await?.try_collect().await?;
            let given = likes.find(pairs).hint(Hint::Keys(pair()));
            let given: Vec<_> = given.await?.try_collect().await?;
            Ok((taken_back, given))
        };
        let (taken_back, given) = self.store.run(operation("versions"), find).await?;
        let taken_back = all_readable::<Tombstone>(LIKE_TOMBSTONES, &taken_back);
        let taken_back = taken_back.map(|it| ((it.user_id, it.post_id), it.version));
        let given = all_readable::<Like>(LIKES, &given);
        let given = given.map(|like| ((like.user_id, like.post_id), like.version));
        // A like that is there is newer than when it was last taken back.
        Ok(taken_back.chain(given).collect())
    }

    /// The newest likes of a post, at most `limit`, those after a position if
    /// one is given. Likes that `posts migrate` has not dated yet are not in it.
    pub(crate) async fn newest_of_post(
        &self,
        post_id: PostId,
        after: Option<LikerPosition>,
        limit: usize,
    ) -> Result<LikeChunk, StoreError> {
        let after = after.map(|LikerPosition(at, id)| (at, "user_id", id.oid()));
        let filter = newest_first(doc! { "post_id": post_id }, after);
        let order = doc! { "created_at": -1, "user_id": -1 };
        self.page("newest_of_post", filter, order, POST_ID_NEWEST, limit)
            .await
    }

    /// The newest likes that `user_id` has given to posts, at most `limit`,
    /// those after a position if one is given.
    pub(crate) async fn newest_of_user(
        &self,
        user_id: UserId,
        after: Option<Position>,
        limit: usize,
    ) -> Result<LikeChunk, StoreError> {
        let after = after.map(|Position(at, id)| (at, "post_id", id.oid()));
        let own = doc! { "user_id": user_id, "type": LikeType::Post };
        let filter = newest_first(own, after);
        let order = doc! { "created_at": -1, "post_id": -1 };
        self.page("newest_of_user", filter, order, USER_ID_TYPE_NEWEST, limit)
            .await
    }

    async fn page(
        &self,
        name: &'static str,
        filter: Document,
        order: Document,
        index: &'static str,
        limit: usize,
    ) -> Result<LikeChunk, StoreError> {
        let likes = self.likes.clone();
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = async move {
            let find = likes.find(filter).sort(order).limit(most);
            find.hint(Hint::Name(index.to_owned()))
                .await?
                .try_collect()
                .await
        };
        let found: Vec<RawDocumentBuf> = self.store.run(operation(name), find).await?;
        let likes: Vec<Like> = all_readable(LIKES, &found).collect();
        Ok(LikeChunk {
            is_end: found.len() < limit || likes.is_empty(),
            likes,
        })
    }
}

fn of_user(user_id: UserId, posts: &[PostId]) -> Document {
    doc! { "user_id": user_id, "post_id": { "$in": posts } }
}

/// The list that `filter` selects, from behind an item: when it was made, and
/// the field and id that tell items of one moment apart.
fn newest_first(mut filter: Document, after: Option<(Timestamp, &str, ObjectId)>) -> Document {
    if let Some((created_at, field, id)) = after {
        filter.insert("created_at", doc! { "$lte": created_at });
        // Not `$or`, for which the planner would give up the order of the index.
        let before = doc! { "created_at": created_at, field: { "$gte": id } };
        filter.insert("$nor", vec![before]);
    } else {
        filter.insert("created_at", doc! { "$lte": DateTime::MAX });
    }
    filter
}

fn all_readable<T: DeserializeOwned>(
    collection: &'static str,
    found: &[RawDocumentBuf],
) -> impl Iterator<Item = T> {
    found
        .iter()
        .filter_map(move |raw| readable(collection, raw))
}

fn by_post(found: &[RawDocumentBuf]) -> HashMap<PostId, Like> {
    let likes = all_readable::<Like>(LIKES, found);
    likes.map(|like| (like.post_id, like)).collect()
}
