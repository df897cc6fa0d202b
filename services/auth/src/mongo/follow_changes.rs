use std::time::Duration;

use bson::doc;
use domain::{Follow, Id, UserId};
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection, error::Result};
use serde::{Deserialize, Serialize};
use store::{Operation, Store, StoreError, Wakeup};

use super::{
    follows::{FollowList, Total, by_name, either_way},
    indexes,
};

/// The collection's name.
pub(crate) const NAME: &str = "follow_changes";

/// An accepted follow that came or went and is not in the counters of the two
/// accounts yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FollowChange {
    #[serde(rename = "_id")]
    pub(crate) id: Id<FollowChange>,
    pub(crate) follower_id: UserId,
    pub(crate) followee_id: UserId,
    /// 1 or −1.
    pub(crate) delta: i64,
    /// The followee was asked, and need not be told who follows it now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) was_asked: bool,
}

impl FollowChange {
    /// Somebody follows without having asked.
    pub(crate) fn begun(edge: &Follow) -> Self {
        Self::of(edge, 1, false)
    }

    /// Somebody who has asked follows.
    pub(crate) fn accepted(edge: &Follow) -> Self {
        Self::of(edge, 1, true)
    }

    /// Somebody follows no longer.
    pub(crate) fn ended(edge: &Follow) -> Self {
        Self::of(edge, -1, false)
    }

    fn of(edge: &Follow, delta: i64, was_asked: bool) -> Self {
        Self {
            id: Id::generate(),
            follower_id: edge.follower_id,
            followee_id: edge.followee_id,
            delta,
            was_asked,
        }
    }
}

/// The `follow_changes` collection. A row is written in the transaction that
/// changes an edge and removed in the one that counts it, so that at every
/// moment an account's counter and its rows together make the number of its edges.
#[derive(Clone)]
pub(crate) struct FollowChanges {
    store: Store,
    rows: Collection<FollowChange>,
    written: Wakeup,
}

impl FollowChanges {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            rows: store.collection(NAME),
            written: Wakeup::default(),
        }
    }

    pub(crate) async fn insert(
        &self,
        session: &mut ClientSession,
        change: &FollowChange,
    ) -> Result<()> {
        self.rows.insert_one(change).session(session).await?;
        Ok(())
    }

    pub(crate) async fn insert_all(
        &self,
        session: &mut ClientSession,
        changes: &[FollowChange],
    ) -> Result<()> {
        if !changes.is_empty() {
            self.rows.insert_many(changes).session(session).await?;
        }
        Ok(())
    }

    /// Tells whoever counts in this process that there is something to count.
    pub(crate) fn wake(&self) {
        self.written.wake();
    }

    /// Resolves at the next [`FollowChanges::wake`], or after `longest`: the
    /// commit may have been that of another replica.
    pub(crate) async fn written(&self, longest: Duration) {
        self.written.wait(longest).await;
    }

    /// Up to `limit` rows, oldest first.
    pub(crate) async fn oldest(
        &self,
        limit: i64,
    ) -> std::result::Result<Vec<FollowChange>, StoreError> {
        let rows = self.rows.clone();
        let oldest = async move {
            let sorted = rows.find(doc! {}).sort(doc! { "_id": 1 });
            sorted.limit(limit).await?.try_collect().await
        };
        let operation = Operation {
            collection: NAME,
            name: "oldest",
        };
        self.store.run(operation, oldest).await
    }

    /// Removes rows; returns how many of them were still there.
    pub(crate) async fn remove(
        &self,
        session: &mut ClientSession,
        ids: &[Id<FollowChange>],
    ) -> Result<usize> {
        let remove = self.rows.delete_many(doc! { "_id": { "$in": ids } });
        let removed = remove.session(session).await?.deleted_count;
        Ok(usize::try_from(removed).unwrap_or(usize::MAX))
    }

    /// The rows between `user_id` and any of `others`; where there are several
    /// others, with all other rows of `user_id`.
    pub(crate) async fn between(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        others: &[UserId],
    ) -> Result<Vec<FollowChange>> {
        let find = match others {
            [other] => {
                let fields = ("follower_id", "followee_id");
                let pair = either_way(fields, user_id, &[*other]);
                self.rows.find(pair).hint(by_name(indexes::FOLLOW_CHANGE))
            }
            // Looked up pair by pair, each would walk over rows that were
            // removed lately: MongoDB keeps them in the index for minutes.
            _ => self.rows.find(doc! { "$or": [
                { "follower_id": user_id },
                { "followee_id": user_id },
            ] }),
        };
        let mut rows = find.session(&mut *session).await?;
        rows.stream(session).try_collect().await
    }

    /// What the counter of `list` lacks for `user_id`.
    pub(crate) async fn lacking(
        &self,
        session: &mut ClientSession,
        list: FollowList,
        user_id: UserId,
    ) -> Result<i64> {
        let totals = self.totals(session, list, &[user_id]).await?;
        Ok(totals.first().map_or(0, |total| total.total))
    }

    /// What the counter of `list` lacks for each of `user_ids`, without those
    /// that have no rows. There may be others between them.
    pub(super) async fn totals(
        &self,
        session: &mut ClientSession,
        list: FollowList,
        user_ids: &[UserId],
    ) -> Result<Vec<Total>> {
        let (Some(lowest), Some(highest)) = (user_ids.iter().min(), user_ids.iter().max()) else {
            return Ok(Vec::new());
        };
        let owner = list.owner_field();
        let sum = doc! { "_id": format!("${owner}"), "total": { "$sum": "$delta" } };
        // One walk through the index: see `between`.
        let pipeline = [
            doc! { "$match": { owner: { "$gte": *lowest, "$lte": *highest } } },
            doc! { "$group": sum },
        ];
        let totals = self.rows.aggregate(pipeline).with_type::<Total>();
        let mut totals = totals.session(&mut *session).await?;
        totals.stream(session).try_collect().await
    }
}
