use std::collections::HashMap;

use bson::{Bson, Document, doc};
use bus::event_row;
use contracts::events::v1::{PostsCounted, event::Fact};
use domain::{Timestamp, UserId};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{ClientSession, Collection, options::ReturnDocument};
use serde::{Deserialize, Serialize};
use store::{Operation, Outbox, Store, StoreError};

use super::indexes::{POST_COUNTS, POSTS};

/// How many posts an author has: a document of `post_counts`. Who has none has
/// never posted, or not been counted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PostCount {
    #[serde(rename = "_id")]
    pub(crate) user_id: UserId,
    pub(crate) count: i64,
    /// Grows with every change, so that of two announced counts the newer is known.
    pub(crate) version: i64,
}

impl PostCount {
    /// What others are told of it.
    pub(crate) fn fact(&self) -> Fact {
        Fact::PostsCounted(PostsCounted {
            author_id: self.user_id.to_string(),
            count: self.count,
            version: self.version,
        })
    }
}

/// A count that is not how many posts there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CountMismatch {
    pub(crate) user_id: UserId,
    pub(crate) stored: i64,
    pub(crate) counted: i64,
}

/// The `post_counts` collection.
#[derive(Clone)]
pub(crate) struct PostCounts {
    store: Store,
    counts: Collection<PostCount>,
    posts: Collection<Document>,
    outbox: Outbox,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "_id")]
    user_id: UserId,
    count: i64,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: POST_COUNTS,
        name,
    }
}

impl PostCounts {
    pub(crate) fn new(store: &Store, outbox: Outbox) -> Self {
        Self {
            store: store.clone(),
            counts: store.collection(POST_COUNTS),
            posts: store.collection(POSTS),
            outbox,
        }
    }

    /// Adds `by` to the count of `author` under a new version, in the
    /// transaction that is about to change their posts, and returns what it is then.
    ///
    /// An author of the predecessor has no count yet: their posts are counted.
    /// Two transactions cannot both do that, because both write the same document.
    pub(super) async fn change(
        &self,
        transaction: &mut ClientSession,
        author: UserId,
        by: i64,
    ) -> mongodb::error::Result<PostCount> {
        let add = doc! { "$inc": { "count": by, "version": 1_i64 } };
        let update = self
            .counts
            .find_one_and_update(doc! { "_id": author }, add)
            .return_document(ReturnDocument::After);
        match update.session(&mut *transaction).await? {
            Some(count) => Ok(count),
            None => self.begin(transaction, author, by).await,
        }
    }

    /// Counts the posts of an author who has no count, and adds `by`.
    async fn begin(
        &self,
        transaction: &mut ClientSession,
        author: UserId,
        by: i64,
    ) -> mongodb::error::Result<PostCount> {
        let count = PostCount {
            user_id: author,
            count: self.count(transaction, author).await? + by,
            version: 1,
        };
        let insert = self.counts.insert_one(count);
        insert.session(&mut *transaction).await?;
        Ok(count)
    }

    async fn count(
        &self,
        transaction: &mut ClientSession,
        author: UserId,
    ) -> mongodb::error::Result<i64> {
        let filter = doc! { "user_id": author, "deleted_at": Bson::Null };
        let count = self.posts.count_documents(filter);
        let count = count.session(&mut *transaction).await?;
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// The counts of those of `authors` who have one, in no order.
    pub(crate) async fn find_many(&self, authors: &[UserId]) -> Result<Vec<PostCount>, StoreError> {
        let filter = doc! { "_id": { "$in": authors } };
        let counts = self.counts.clone();
        let find = async move { counts.find(filter).await?.try_collect().await };
        self.store.run(operation("find_many"), find).await
    }

    /// Up to `limit` authors who have a count, in the order of their ids.
    pub(super) async fn authors_after(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let filter = after.map_or_else(Document::new, |after| doc! { "_id": { "$gt": after } });
        let counts = self.counts.clone();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = async move {
            let sorted = counts.find(filter).sort(doc! { "_id": 1 });
            sorted.limit(limit).await?.try_collect().await
        };
        let page: Vec<PostCount> = self.store.run(operation("authors_after"), find).await?;
        Ok(page.into_iter().map(|count| count.user_id).collect())
    }

    /// Counts an author who has no count yet, and tells the others; false if
    /// there is one. It may happen while the author posts.
    pub(super) async fn complete(
        &self,
        author: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let this = self.clone();
        self.store
            .transaction(operation("complete"), move |transaction| {
                let this = this.clone();
                async move {
                    let find = this.counts.find_one(doc! { "_id": author });
                    if find.session(&mut *transaction).await?.is_some() {
                        return Ok(false);
                    }
                    let count = this.begin(transaction, author, 0).await?;
                    let rows = [event_row(count.fact(), now)];
                    this.outbox.put(transaction, &rows).await?;
                    Ok(true)
                }
                .boxed()
            })
            .await
    }

    /// Tells the others the count of an author again, under a new version that
    /// is larger than `above`.
    pub(crate) async fn announce(
        &self,
        author: UserId,
        above: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let this = self.clone();
        self.store
            .transaction(operation("announce"), move |transaction| {
                let this = this.clone();
                async move {
                    let mut count = this.change(transaction, author, 0).await?;
                    if count.version <= above {
                        count.version = above.saturating_add(1);
                        this.replace(transaction, &count).await?;
                    }
                    let rows = [event_row(count.fact(), now)];
                    this.outbox.put(transaction, &rows).await
                }
                .boxed()
            })
            .await?;
        self.outbox.wake();
        Ok(())
    }

    async fn replace(
        &self,
        transaction: &mut ClientSession,
        count: &PostCount,
    ) -> mongodb::error::Result<()> {
        let own = doc! { "_id": count.user_id };
        let replace = self.counts.replace_one(own, count);
        replace.session(transaction).await?;
        Ok(())
    }

    /// Those of `authors` whose count is wrong, as of one moment.
    pub(crate) async fn mismatches(
        &self,
        authors: Vec<UserId>,
    ) -> Result<Vec<CountMismatch>, StoreError> {
        let this = self.clone();
        self.store
            .snapshot(operation("mismatches"), move |snapshot| {
                let (this, authors) = (this.clone(), authors.clone());
                async move {
                    let stored = this.stored(snapshot, &authors).await?;
                    let counted = this.counted(snapshot, &authors).await?;
                    Ok(compare(authors, &stored, &counted))
                }
                .boxed()
            })
            .await
    }

    async fn stored(
        &self,
        snapshot: &mut ClientSession,
        authors: &[UserId],
    ) -> mongodb::error::Result<Vec<PostCount>> {
        let find = self.counts.find(doc! { "_id": { "$in": authors } });
        let mut found = find.session(&mut *snapshot).await?;
        found.stream(snapshot).try_collect().await
    }

    async fn counted(
        &self,
        snapshot: &mut ClientSession,
        authors: &[UserId],
    ) -> mongodb::error::Result<Vec<Counted>> {
        let pipeline = vec![
            doc! { "$match": { "user_id": { "$in": authors }, "deleted_at": Bson::Null } },
            doc! { "$group": { "_id": "$user_id", "count": { "$sum": 1_i64 } } },
        ];
        let group = self.posts.aggregate(pipeline).with_type::<Counted>();
        let mut counted = group.session(&mut *snapshot).await?;
        counted.stream(snapshot).try_collect().await
    }

    /// Sets the count of an author to how many posts there are, and tells the others.
    pub(crate) async fn repair(&self, author: UserId, now: Timestamp) -> Result<(), StoreError> {
        let this = self.clone();
        self.store
            .transaction(operation("repair"), move |transaction| {
                let this = this.clone();
                async move {
                    // Written before the posts are counted: what changes them meanwhile collides with it.
                    let mut count = this.change(transaction, author, 0).await?;
                    count.count = this.count(transaction, author).await?;
                    this.replace(transaction, &count).await?;
                    let rows = [event_row(count.fact(), now)];
                    this.outbox.put(transaction, &rows).await
                }
                .boxed()
            })
            .await?;
        self.outbox.wake();
        Ok(())
    }
}

fn compare(authors: Vec<UserId>, stored: &[PostCount], counted: &[Counted]) -> Vec<CountMismatch> {
    let stored: HashMap<_, _> = stored.iter().map(|it| (it.user_id, it.count)).collect();
    let counted: HashMap<_, _> = counted.iter().map(|it| (it.user_id, it.count)).collect();
    let mismatch = |user_id| CountMismatch {
        user_id,
        stored: stored.get(&user_id).copied().unwrap_or_default(),
        counted: counted.get(&user_id).copied().unwrap_or_default(),
    };
    let all = authors.into_iter().map(mismatch);
    all.filter(|count| count.stored != count.counted).collect()
}
