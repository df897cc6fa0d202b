//! Who has saved what.

use std::collections::HashSet;

use bson::{Document, RawDocumentBuf, doc, oid::ObjectId};
use domain::{Post, PostId, Timestamp, UserId};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{
    ClientSession, Collection,
    error::Result,
    options::{Hint, ReturnDocument},
};
use serde::{Deserialize, Serialize};
use store::{Operation, Store, StoreError, readable, readable_number};

use super::{
    Position, Stretch, Turns,
    indexes::{POST_ID_USER_ID, POSTS, SAVED_POSTS, USER_ID_NEWEST},
    newest_first::newest_first,
};

/// The `saved_posts` collection, with the counts of posts that belong to it.
#[derive(Clone)]
pub(crate) struct SavedPosts {
    store: Store,
    saves: Collection<Save>,
    posts: Collection<RawDocumentBuf>,
    turns: Turns,
}

/// Somebody has saved a post.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Save {
    #[serde(rename = "_id")]
    id: ObjectId,
    user_id: UserId,
    post_id: PostId,
    created_at: Timestamp,
}

/// What is read of a save.
#[derive(Deserialize)]
struct SavedPost {
    post_id: PostId,
}

/// What is stored once somebody has made up their mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    /// Whether it was not so before.
    pub(crate) is_change: bool,
    /// How many have saved the post.
    pub(crate) count: i64,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: SAVED_POSTS,
        name,
    }
}

fn pair(user_id: UserId, post_id: PostId) -> Document {
    doc! { "post_id": post_id, "user_id": user_id }
}

impl SavedPosts {
    pub(crate) fn new(store: &Store, turns: Turns) -> Self {
        Self {
            store: store.clone(),
            saves: store.collection(SAVED_POSTS),
            posts: store.collection(POSTS),
            turns,
        }
    }

    /// Those of `posts` that `user_id` has saved.
    pub(crate) async fn own(
        &self,
        user_id: UserId,
        posts: &[PostId],
    ) -> std::result::Result<HashSet<PostId>, StoreError> {
        if posts.is_empty() {
            return Ok(HashSet::new());
        }
        let filter = doc! { "post_id": { "$in": posts }, "user_id": user_id };
        let saves = self.saves.clone_with_type::<SavedPost>();
        let find = async move {
            let find = saves
                .find(filter)
                // Answered from the index alone.
                .projection(doc! { "_id": 0, "post_id": 1 })
                .hint(Hint::Name(POST_ID_USER_ID.to_owned()));
            find.await?.try_collect().await
        };
        let found: Vec<SavedPost> = self.store.run(operation("own"), find).await?;
        Ok(found.into_iter().map(|save| save.post_id).collect())
    }

    /// What `user_id` has saved, the latest act first, at most `limit`, behind a
    /// position if one is given.
    pub(crate) async fn newest_of(
        &self,
        user_id: UserId,
        after: Option<Position>,
        limit: usize,
    ) -> std::result::Result<Stretch, StoreError> {
        let after = after.map(|Position(at, id)| (at, "post_id", id.oid()));
        let filter = newest_first(doc! { "user_id": user_id }, after);
        let saves = self.saves.clone();
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = async move {
            let find = saves
                .find(filter)
                .sort(doc! { "created_at": -1, "post_id": -1 })
                .hint(Hint::Name(USER_ID_NEWEST.to_owned()));
            find.limit(most).await?.try_collect().await
        };
        let found: Vec<Save> = self.store.run(operation("newest_of"), find).await?;
        let found = found.into_iter();
        let found = found.map(|save| Position(save.created_at, save.post_id));
        Ok(Stretch::new(found.collect(), limit))
    }

    /// Notes that `user_id` has saved a post, and counts it; `None` if there is
    /// no such post.
    pub(crate) async fn save(
        &self,
        user_id: UserId,
        post_id: PostId,
        now: Timestamp,
    ) -> std::result::Result<Option<Saved>, StoreError> {
        let this = self.clone();
        let save = Save {
            id: ObjectId::new(),
            user_id,
            post_id,
            created_at: now,
        };
        let _turn = self.turns.at(post_id).await?;
        let save = self
            .store
            .transaction(operation("save"), move |transaction| {
                let (this, save) = (this.clone(), save.clone());
                async move {
                    if this.is_saved(&mut *transaction, user_id, post_id).await? {
                        return this.unchanged(transaction, post_id).await;
                    }
                    // First: all who save the same post collide here.
                    let live = doc! { "_id": post_id, "deleted_at": bson::Bson::Null };
                    let count = this.count(&mut *transaction, live, 1).await?;
                    if count.is_some() {
                        let insert = this.saves.insert_one(&save);
                        insert.session(transaction).await?;
                    }
                    Ok(count)
                }
                .boxed()
            });
        save.await
    }

    /// Notes that `user_id` has not saved a post, whatever became of it; `None`
    /// if there is no such post.
    pub(crate) async fn unsave(
        &self,
        user_id: UserId,
        post_id: PostId,
    ) -> std::result::Result<Option<Saved>, StoreError> {
        let this = self.clone();
        let _turn = self.turns.at(post_id).await?;
        let unsave = self
            .store
            .transaction(operation("unsave"), move |transaction| {
                let this = this.clone();
                async move {
                    if !this.is_saved(&mut *transaction, user_id, post_id).await? {
                        return this.unchanged(transaction, post_id).await;
                    }
                    let post = doc! { "_id": post_id };
                    let count = this.count(&mut *transaction, post, -1).await?;
                    let delete = this.saves.delete_one(pair(user_id, post_id));
                    delete.session(transaction).await?;
                    Ok(count)
                }
                .boxed()
            });
        unsave.await
    }

    async fn is_saved(
        &self,
        transaction: &mut ClientSession,
        user_id: UserId,
        post_id: PostId,
    ) -> Result<bool> {
        let find = self.saves.find_one(pair(user_id, post_id));
        let find = find.hint(Hint::Name(POST_ID_USER_ID.to_owned()));
        Ok(find.session(transaction).await?.is_some())
    }

    async fn unchanged(
        &self,
        transaction: &mut ClientSession,
        post_id: PostId,
    ) -> Result<Option<Saved>> {
        let find = self.posts.find_one(doc! { "_id": post_id });
        let find = find.projection(counted());
        let post = find.session(transaction).await?;
        Ok(post.as_deref().and_then(|raw| saved(raw, false)))
    }

    async fn count(
        &self,
        transaction: &mut ClientSession,
        post: Document,
        change: i64,
    ) -> Result<Option<Saved>> {
        let count = doc! { "$add": [readable_number("saves_count"), change] };
        let update = vec![doc! { "$set": { "saves_count": count } }];
        let update = self
            .posts
            .find_one_and_update(post, update)
            .projection(counted())
            .return_document(ReturnDocument::After);
        let post = update.session(transaction).await?;
        Ok(post.as_deref().and_then(|raw| saved(raw, true)))
    }
}

/// What is read of a post.
fn counted() -> Document {
    doc! { "user_id": 1, "saves_count": 1 }
}

fn saved(post: &bson::RawDocument, is_change: bool) -> Option<Saved> {
    let post: Post = readable(POSTS, post)?;
    Some(Saved {
        is_change,
        count: post.saves_count,
    })
}
