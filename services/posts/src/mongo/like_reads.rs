//! Who likes what, as it is stored.

use std::collections::HashMap;

use bson::{Document, RawDocumentBuf, doc};
use domain::{Like, LikeType, LikedId, PostId, Timestamp, UserId};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{Collection, options::Hint};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::{Operation, Store, StoreError, readable};

use super::{
    Position,
    indexes::{LIKE_TOMBSTONES, LIKES, POST_ID_NEWEST, USER_ID_TYPE_NEWEST, pair},
    liked::collection_of,
    newest_first::newest_first,
};
use crate::{intents::AppliedLike, likes::Liked};

/// The likes that are stored, for whoever looks at what can be liked.
#[derive(Clone)]
pub(crate) struct LikeReads {
    store: Store,
    likes: Collection<RawDocumentBuf>,
    tombstones: Collection<RawDocumentBuf>,
}

/// What is stored about things and what one user thinks of them, all of one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    counts: HashMap<LikedId, i64>,
    own: HashMap<LikedId, Like>,
    /// By things that the user does not like (any more).
    taken_back: HashMap<LikedId, i64>,
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
    #[serde(rename = "post_id")]
    liked_id: LikedId,
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
    /// Where `like`, which is of a post, stands among those of its user.
    pub(crate) fn of_like(like: &Like) -> Self {
        Self(like.created_at(), like.liked_id.oid().into())
    }
}

impl Moment {
    /// How many like the thing, if it is there.
    pub(crate) fn count(&self, thing: LikedId) -> Option<i64> {
        self.counts.get(&thing).copied()
    }

    /// The user's like of the thing.
    pub(crate) fn own(&self, thing: LikedId) -> Option<&Like> {
        self.own.get(&thing)
    }

    /// The version by which the user last changed their mind about the thing; 0 if they never did.
    pub(crate) fn version(&self, thing: LikedId) -> i64 {
        let liked = self.own(thing).map(|like| like.version);
        let taken_back = self.taken_back.get(&thing).copied();
        liked.max(taken_back).unwrap_or_default()
    }
}

impl LikeReads {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            likes: store.collection(LIKES),
            tombstones: store.collection(LIKE_TOMBSTONES),
        }
    }

    /// The likes of `user_id` of those of `things` that they like.
    pub(crate) async fn own(
        &self,
        user_id: UserId,
        things: &[LikedId],
    ) -> Result<HashMap<LikedId, Like>, StoreError> {
        if things.is_empty() {
            return Ok(HashMap::new());
        }
        let (likes, filter) = (self.likes.clone(), of_user(user_id, things));
        let find = async move {
            let find = likes.find(filter).hint(Hint::Keys(pair()));
            find.await?.try_collect().await
        };
        let found: Vec<RawDocumentBuf> = self.store.run(operation("own"), find).await?;
        Ok(by_thing(&found))
    }

    /// What `user_id` thinks of `things`, and how many like each, at one moment.
    pub(crate) async fn moment<T: Liked>(
        &self,
        user_id: UserId,
        things: &[LikedId],
    ) -> Result<Moment, StoreError> {
        if things.is_empty() {
            return Ok(Moment::default());
        }
        let (this, things) = (self.clone(), things.to_vec());
        let owner: Collection<RawDocumentBuf> = self.store.collection(collection_of(T::KIND));
        let read = self.store.snapshot(operation("moment"), move |session| {
            let (this, owner, things) = (this.clone(), owner.clone(), things.clone());
            async move {
                let counts = doc! { "_id": { "$in": &things } };
                let needed = doc! { "user_id": 1, "post_id": 1, "likes_count": 1 };
                let counts = owner.find(counts).projection(needed);
                let mut counts = counts.session(&mut *session).await?;
                let counts: Vec<_> = counts.stream(session).try_collect().await?;
                let own = of_user(user_id, &things);
                let own = this.likes.find(own).hint(Hint::Keys(pair()));
                let mut own = own.session(&mut *session).await?;
                let own: Vec<_> = own.stream(session).try_collect().await?;
                let taken_back = this.tombstones.find(of_user(user_id, &things));
                let mut taken_back = taken_back.session(&mut *session).await?;
                let taken_back: Vec<_> = taken_back.stream(session).try_collect().await?;
                Ok((counts, own, taken_back))
            }
            .boxed()
        });
        let (counts, own, taken_back) = read.await?;
        let counts = all_readable::<T>(collection_of(T::KIND), &counts);
        let counts = counts.map(|thing| (thing.liked_id(), thing.likes_count()));
        let taken_back = all_readable::<Tombstone>(LIKE_TOMBSTONES, &taken_back);
        Ok(Moment {
            counts: counts.collect(),
            own: by_thing(&own),
            taken_back: taken_back.map(|it| (it.liked_id, it.version)).collect(),
        })
    }

    /// The versions by which the users of `intents` last changed their minds about
    /// their things, as far as that is known.
    pub(crate) async fn versions(
        &self,
        intents: &[AppliedLike],
    ) -> Result<HashMap<(UserId, LikedId), i64>, StoreError> {
        let of_one = |it: &AppliedLike| doc! { "user_id": it.user_id, "post_id": it.liked_id };
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
        let taken_back = taken_back.map(|it| ((it.user_id, it.liked_id), it.version));
        let given = all_readable::<Like>(LIKES, &given);
        let given = given.map(|like| ((like.user_id, like.liked_id), like.version));
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

fn of_user(user_id: UserId, things: &[LikedId]) -> Document {
    doc! { "user_id": user_id, "post_id": { "$in": things } }
}

fn all_readable<T: DeserializeOwned>(
    collection: &'static str,
    found: &[RawDocumentBuf],
) -> impl Iterator<Item = T> {
    found
        .iter()
        .filter_map(move |raw| readable(collection, raw))
}

fn by_thing(found: &[RawDocumentBuf]) -> HashMap<LikedId, Like> {
    let likes = all_readable::<Like>(LIKES, found);
    likes.map(|like| (like.liked_id, like)).collect()
}
