//! The counters of posts and comments, compared with what they count.

mod counter;

use std::collections::HashMap;

use bson::{Bson, Document, doc, oid::ObjectId};
use domain::{LikedId, PostId};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{ClientSession, error::Result};
use serde::Deserialize;
use store::{Operation, Store, StoreError, readable_number};

use super::liked::collection_of;
use crate::likes::LikedKind;

pub(crate) use counter::{Counted, Counter};

/// What is counted in one snapshot. MongoDB counts a million likes in about
/// half a second, and ends a snapshot that takes too long.
const COUNTED_AT_ONCE: i64 = 200_000;

/// What a post or comment says of itself. What is no number is 0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Said {
    #[serde(rename = "_id")]
    pub(crate) id: LikedId,
    /// Of a comment, what it is about.
    #[serde(default)]
    post_id: Option<PostId>,
    /// In the order of [`Counter::all_of`].
    counts: Vec<i64>,
}

/// A counter that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentMismatch {
    pub(crate) of: Counted,
    pub(crate) counter: Counter,
    pub(crate) stored: i64,
    pub(crate) counted: i64,
}

/// The counters of posts, or those of comments. What is deleted goes on being
/// counted: who likes it is stored as before.
#[derive(Clone)]
pub(crate) struct ContentCounts {
    store: Store,
    kind: LikedKind,
}

impl Said {
    fn counted(&self) -> Counted {
        Counted {
            id: self.id,
            post_id: self.post_id,
        }
    }

    /// How much there is to count, as far as it can be believed.
    fn weight(&self) -> i64 {
        self.counts.iter().map(|count| (*count).max(0)).sum()
    }
}

impl ContentCounts {
    pub(crate) fn new(store: &Store, kind: LikedKind) -> Self {
        Self {
            store: store.clone(),
            kind,
        }
    }

    fn operation(&self, name: &'static str) -> Operation {
        Operation {
            collection: collection_of(self.kind),
            name,
        }
    }

    fn documents(&self) -> mongodb::Collection<Document> {
        self.store.collection(collection_of(self.kind))
    }

    /// What up to `limit` of them behind `after` say, in the order of their ids.
    pub(crate) async fn page(
        &self,
        after: Option<LikedId>,
        limit: u32,
    ) -> std::result::Result<Vec<Said>, StoreError> {
        // Without it, an `_id` of another type, which is none of them, would be first.
        let first = doc! { "$gte": ObjectId::from_bytes([0; 12]) };
        let behind = after.map_or(first, |after| doc! { "$gt": after });
        let pipeline = [
            doc! { "$match": { "_id": behind } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": i64::from(limit) },
            self.said(),
        ];
        let documents = self.documents();
        let page = async move {
            let said = documents.aggregate(pipeline).with_type::<Said>();
            said.await?.try_collect().await
        };
        self.store.run(self.operation("count_page"), page).await
    }

    /// The stage that reads what they say.
    fn said(&self) -> Document {
        let counters = Counter::all_of(self.kind).iter();
        let counts: Vec<Document> = counters.map(|it| readable_number(it.field())).collect();
        let mut said = doc! { "counts": counts };
        if self.kind == LikedKind::Comment {
            said.insert("post_id", 1);
        }
        doc! { "$project": said }
    }

    /// Those of a page that say something wrong: each as of one moment, which
    /// is not the same for all.
    pub(crate) async fn mismatches(
        &self,
        page: &[Said],
    ) -> std::result::Result<Vec<ContentMismatch>, StoreError> {
        let mut mismatches = Vec::new();
        for group in groups(page) {
            mismatches.extend(self.mismatches_of(group).await?);
        }
        Ok(mismatches)
    }

    async fn mismatches_of(
        &self,
        group: Vec<Counted>,
    ) -> std::result::Result<Vec<ContentMismatch>, StoreError> {
        let this = self.clone();
        self.store
            .snapshot(self.operation("count_mismatches"), move |snapshot| {
                let (this, group) = (this.clone(), group.clone());
                async move {
                    let stored = this.stored(&mut *snapshot, &group).await?;
                    let mut mismatches = Vec::new();
                    for (at, counter) in Counter::all_of(this.kind).iter().enumerate() {
                        let truth = counter.count(&this.store, &mut *snapshot, &group).await?;
                        mismatches.extend(wrong(&stored, at, *counter, &truth));
                    }
                    Ok(mismatches)
                }
                .boxed()
            })
            .await
    }

    async fn stored(&self, session: &mut ClientSession, group: &[Counted]) -> Result<Vec<Said>> {
        let ids: Vec<LikedId> = group.iter().map(|it| it.id).collect();
        let pipeline = [
            doc! { "$match": { "_id": { "$in": ids } } },
            doc! { "$sort": { "_id": 1 } },
            self.said(),
        ];
        let documents = self.documents();
        let said = documents.aggregate(pipeline).with_type::<Said>();
        let mut said = said.session(&mut *session).await?;
        said.stream(session).try_collect().await
    }

    /// Sets what a counter says to what it counts.
    pub(crate) async fn repair(
        &self,
        of: Counted,
        counter: Counter,
    ) -> std::result::Result<(), StoreError> {
        let this = self.clone();
        self.store
            .transaction(self.operation("repair_count"), move |transaction| {
                let this = this.clone();
                async move {
                    // Written before it is counted: what changes it meanwhile collides with
                    // it, and counting is not in vain. A write that changes nothing would not
                    // collide.
                    let wrong = doc! { "$add": [readable_number(counter.field()), 1_i64] };
                    this.set(&mut *transaction, of, counter, wrong).await?;
                    let truth = counter.count(&this.store, &mut *transaction, &[of]).await?;
                    let right = truth.get(&of.id).copied().unwrap_or_default();
                    this.set(transaction, of, counter, right).await
                }
                .boxed()
            })
            .await
    }

    async fn set(
        &self,
        transaction: &mut ClientSession,
        of: Counted,
        counter: Counter,
        count: impl Into<Bson>,
    ) -> Result<()> {
        let set = vec![doc! { "$set": { counter.field(): count.into() } }];
        let documents = self.documents();
        let update = documents.update_one(doc! { "_id": of.id }, set);
        update.session(transaction).await?;
        Ok(())
    }
}

/// Those of `stored` whose count at this place is not the `truth`.
fn wrong(
    stored: &[Said],
    at: usize,
    counter: Counter,
    truth: &HashMap<LikedId, i64>,
) -> Vec<ContentMismatch> {
    let mismatches = stored.iter().filter_map(|said| {
        let stored = *said.counts.get(at)?;
        let right = truth.get(&said.id).copied().unwrap_or_default();
        (stored != right).then(|| ContentMismatch {
            of: said.counted(),
            counter,
            stored,
            counted: right,
        })
    });
    mismatches.collect()
}

/// Those whose counters are compared together, going by what they say.
fn groups(page: &[Said]) -> Vec<Vec<Counted>> {
    let (mut groups, mut weight) = (vec![Vec::new()], 0);
    for said in page {
        weight += said.weight();
        if weight > COUNTED_AT_ONCE {
            groups.push(Vec::new());
            weight = said.weight();
        }
        if let Some(group) = groups.last_mut() {
            group.push(said.counted());
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_compared_together_as_are_soon_counted() {
        let page: Vec<Said> = [[1, 0], [9, 199_990], [1, -7], [-5, 0], [0, 500_000], [3, 0]]
            .map(|counts| Said {
                id: LikedId::generate(),
                post_id: None,
                counts: counts.into(),
            })
            .into();
        let groups = groups(&page);
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2, 1, 1]);
        let all: Vec<Counted> = page.iter().map(Said::counted).collect();
        assert_eq!(groups.concat(), all);
    }
}
