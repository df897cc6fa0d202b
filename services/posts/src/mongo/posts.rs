use bson::{Bson, Document, RawDocumentBuf, doc};
use bus::{event_row, job_row};
use contracts::{
    events::v1::{PostCreated, PostDeleted, PostEdited, event::Fact},
    jobs::v1::{PostAdded, PostRemoved, UpdateFeeds, job::Work, update_feeds::Change},
    timestamp,
    topology::FEED_UPDATES,
};
use domain::{Caption, Post, PostId, Timestamp, UserId, search_words};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{Collection, options::ReturnDocument};
use serde::Serialize;
use store::{
    IdempotencyRecords, IdempotentAnswer, Operation, Outbox, OutboxRow, Store, StoreError, readable,
};

use super::{PostCounts, Turns, indexes::POSTS};

/// The `posts` collection, with what is written together with it.
#[derive(Clone)]
pub(crate) struct PostStore {
    pub(super) store: Store,
    posts: Collection<Post>,
    pub(super) documents: Collection<RawDocumentBuf>,
    counts: PostCounts,
    answers: IdempotencyRecords,
    outbox: Outbox,
    turns: Turns,
}

/// A post as it is stored, with the words under which it is found.
#[derive(Clone, Debug, Serialize)]
struct FindablePost {
    #[serde(flatten)]
    post: Post,
    search_words: Vec<String>,
}

/// Checked changes of a post; `None` is left as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edit {
    pub(crate) caption: Option<Caption>,
    /// `Some(None)` takes the place away.
    pub(crate) location: Option<Option<String>>,
}

impl Edit {
    /// The usernames that `post` mentions from now on and did not mention before.
    pub(crate) fn newly_mentioned(&self, post: &Post) -> Vec<String> {
        let names = self.caption.iter().flat_map(Caption::mentions);
        let names = names.filter(|name| !post.mentions.contains(name));
        names.cloned().collect()
    }

    fn into_set(self, now: Timestamp) -> Document {
        let mut set = doc! { "edited_at": now };
        if let Some(caption) = self.caption {
            set.insert("caption", caption.text());
            set.insert("hashtags", caption.hashtags());
            set.insert("mentions", caption.mentions());
            set.insert("search_words", search_words(caption.text()));
        }
        if let Some(location) = self.location {
            set.insert("location", location);
        }
        set
    }
}

pub(super) const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: POSTS,
        name,
    }
}

/// The job that carries a change into the feeds of who follows `author`.
fn feeds_row(author: UserId, change: Change, at: Timestamp) -> OutboxRow {
    let update = UpdateFeeds {
        author_id: author.to_string(),
        change: Some(change),
        ..UpdateFeeds::default()
    };
    job_row(FEED_UPDATES, Work::UpdateFeeds(update), at)
}

/// What others are told of a deletion.
pub(super) fn deletion_rows(id: PostId, author: UserId, at: Timestamp) -> [OutboxRow; 2] {
    let deleted = Fact::PostDeleted(PostDeleted {
        post_id: id.to_string(),
        author_id: author.to_string(),
    });
    let removed = Change::PostRemoved(PostRemoved {
        post_id: id.to_string(),
    });
    [event_row(deleted, at), feeds_row(author, removed, at)]
}

/// The post `id`, if it is `author`'s and not deleted.
fn own(id: PostId, author: UserId) -> Document {
    doc! { "_id": id, "user_id": author, "deleted_at": Bson::Null }
}

impl PostStore {
    pub(crate) fn new(
        store: &Store,
        counts: PostCounts,
        answers: IdempotencyRecords,
        outbox: Outbox,
        turns: Turns,
    ) -> Self {
        Self {
            store: store.clone(),
            posts: store.collection(POSTS),
            documents: store.collection(POSTS),
            counts,
            answers,
            outbox,
            turns,
        }
    }

    /// The post, also one that is deleted.
    pub(crate) async fn find(&self, id: PostId) -> Result<Option<Post>, StoreError> {
        let documents = self.documents.clone();
        let find = async move { documents.find_one(doc! { "_id": id }).await };
        let document = self.store.run(operation("find"), find).await?;
        Ok(document.as_deref().and_then(|raw| readable(POSTS, raw)))
    }

    /// Those of `ids` that exist, also deleted ones, in no order.
    pub(crate) async fn find_many(&self, ids: &[PostId]) -> Result<Vec<Post>, StoreError> {
        let filter = doc! { "_id": { "$in": ids } };
        let documents = self.documents.clone();
        let find = async move { documents.find(filter).await?.try_collect().await };
        let found: Vec<RawDocumentBuf> = self.store.run(operation("find_many"), find).await?;
        Ok(found
            .iter()
            .filter_map(|raw| readable(POSTS, raw))
            .collect())
    }

    /// Stores a post, its author's count, what others are told, `told` among it,
    /// and the answer to a client that may ask again: all or nothing.
    pub(crate) async fn insert(
        &self,
        post: &Post,
        told: Vec<OutboxRow>,
        answer: Option<IdempotentAnswer>,
    ) -> Result<(), StoreError> {
        let (this, author, at) = (self.clone(), post.user_id, post.created_at());
        let created = Fact::PostCreated(PostCreated {
            post_id: post.id.to_string(),
            author_id: post.user_id.to_string(),
            created_at: Some(timestamp(at)),
        });
        let created = event_row(created, at);
        let added = PostAdded {
            post_id: post.id.to_string(),
            created_at: Some(timestamp(at)),
        };
        let feeds = feeds_row(post.user_id, Change::PostAdded(added), at);
        let told = [vec![created, feeds], told].concat();
        let post = FindablePost {
            search_words: search_words(&post.caption),
            post: post.clone(),
        };
        let _turn = self.turns.at(author).await?;
        self.store
            .transaction(operation("insert"), move |transaction| {
                let (this, post) = (this.clone(), post.clone());
                let (answer, mut rows) = (answer.clone(), told.clone());
                async move {
                    // First: what an author does at once collides here, before more is done in vain.
                    let count = this.counts.change(transaction, author, 1).await?;
                    if let Some(answer) = answer {
                        this.answers.insert(transaction, &answer).await?;
                    }
                    let posts = this.posts.clone_with_type::<FindablePost>();
                    let insert = posts.insert_one(&post);
                    insert.session(&mut *transaction).await?;
                    rows.push(event_row(count.fact(), at));
                    this.outbox.put(transaction, &rows).await
                }
                .boxed()
            })
            .await?;
        self.outbox.wake();
        Ok(())
    }

    /// Deletes a post of `author`; false if there is none (any more).
    pub(crate) async fn delete(
        &self,
        id: PostId,
        author: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let this = self.clone();
        let told = deletion_rows(id, author, now);
        let _turn = self.turns.at(author).await?;
        let is_deleted = self
            .store
            .transaction(operation("delete"), move |transaction| {
                let (this, told) = (this.clone(), told.clone());
                async move {
                    let find = this.documents.find_one(own(id, author));
                    if find.session(&mut *transaction).await?.is_none() {
                        return Ok(false);
                    }
                    let count = this.counts.change(transaction, author, -1).await?;
                    let set = doc! { "$set": { "deleted_at": now } };
                    let update = this.posts.update_one(own(id, author), set);
                    update.session(&mut *transaction).await?;
                    let [deleted, feeds] = told;
                    let rows = [deleted, feeds, event_row(count.fact(), now)];
                    this.outbox.put(transaction, &rows).await?;
                    Ok(true)
                }
                .boxed()
            })
            .await?;
        self.outbox.wake();
        Ok(is_deleted)
    }

    /// Changes a post of `author`, tells others of it, `told` among it, and
    /// returns it as it is then; `None` if there is none (any more).
    pub(crate) async fn edit(
        &self,
        id: PostId,
        author: UserId,
        edit: Edit,
        told: Vec<OutboxRow>,
        now: Timestamp,
    ) -> Result<Option<Post>, StoreError> {
        let this = self.clone();
        let set = edit.into_set(now);
        let edited = Fact::PostEdited(PostEdited {
            post_id: id.to_string(),
            author_id: author.to_string(),
        });
        let rows = [vec![event_row(edited, now)], told].concat();
        let post = self
            .store
            .transaction(operation("edit"), move |transaction| {
                let (this, set, rows) = (this.clone(), set.clone(), rows.clone());
                async move {
                    let update = this
                        .posts
                        .find_one_and_update(own(id, author), doc! { "$set": set })
                        .return_document(ReturnDocument::After);
                    let post = update.session(&mut *transaction).await?;
                    if post.is_some() {
                        this.outbox.put(transaction, &rows).await?;
                    }
                    Ok(post)
                }
                .boxed()
            })
            .await?;
        self.outbox.wake();
        Ok(post)
    }
}
