use std::collections::{BTreeMap, HashMap};

use bson::{Document, doc, oid::ObjectId};
use domain::UserId;
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection, error::Result};
use serde::Deserialize;
use store::{Operation, Store, StoreError, readable_number};

use super::{
    follow_changes::FollowChanges,
    follows::{FollowList, Follows, Total},
};

/// The collection that has the counters.
const NAME: &str = "users";

/// By how much the counters of an account change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CounterDeltas {
    pub(crate) followers: i64,
    pub(crate) following: i64,
}

/// The stored counters of an account; what is no number counts as zero.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StoredCounters {
    #[serde(rename = "_id")]
    pub(crate) user_id: UserId,
    followers_count: i64,
    following_count: i64,
    pub(crate) posts_count: i64,
    pub(crate) posts_count_version: i64,
}

/// A list as its counter has it, and as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// The counter with the changes that are not in it yet.
    pub(crate) stored: i64,
    /// The accepted edges.
    pub(crate) counted: i64,
}

/// The counters that accounts carry: fields of `users`, and what they count.
#[derive(Clone)]
pub(crate) struct Counters {
    store: Store,
    users: Collection<Document>,
    follows: Follows,
    changes: FollowChanges,
}

impl StoredCounters {
    const fn of(&self, list: FollowList) -> i64 {
        match list {
            FollowList::Followers => self.followers_count,
            FollowList::Following => self.following_count,
        }
    }
}

impl Counters {
    pub(crate) fn new(store: &Store, changes: &FollowChanges) -> Self {
        Self {
            store: store.clone(),
            users: store.collection(NAME),
            follows: Follows::new(store),
            changes: changes.clone(),
        }
    }

    /// Adds to the counters of many accounts with one command. Accounts that
    /// do not exist are passed over.
    pub(crate) async fn add(
        &self,
        session: &mut ClientSession,
        deltas: &BTreeMap<UserId, CounterDeltas>,
    ) -> Result<()> {
        let updates = deltas.iter().filter_map(|(user_id, delta)| {
            let mut set = Document::new();
            for (list, delta) in [
                (FollowList::Followers, delta.followers),
                (FollowList::Following, delta.following),
            ] {
                if delta != 0 {
                    let counter = list.counter();
                    set.insert(counter, doc! { "$add": [readable_number(counter), delta] });
                }
            }
            let update = doc! { "q": { "_id": *user_id }, "u": [{ "$set": set.clone() }] };
            (!set.is_empty()).then_some(update)
        });
        let updates = updates.collect();
        self.store.update_each(session, NAME, updates).await
    }

    /// The counters of up to `limit` accounts by id, behind `after`.
    pub(crate) async fn page(
        &self,
        session: &mut ClientSession,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<StoredCounters>> {
        // Without it, an `_id` of another type, which is no account, would be first.
        let first = doc! { "$gte": ObjectId::from_bytes([0; 12]) };
        let behind = after.map_or(first, |after| doc! { "$gt": after });
        self.stored(session, behind, i64::from(limit)).await
    }

    async fn stored(
        &self,
        session: &mut ClientSession,
        ids: Document,
        limit: i64,
    ) -> Result<Vec<StoredCounters>> {
        let mut counters = Document::new();
        for field in [
            FollowList::Followers.counter(),
            FollowList::Following.counter(),
            "posts_count",
            "posts_count_version",
        ] {
            counters.insert(field, readable_number(field));
        }
        let pipeline = [
            doc! { "$match": { "_id": ids } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": limit },
            doc! { "$project": counters },
        ];
        let stored = self.users.aggregate(pipeline).with_type();
        let mut stored = stored.session(&mut *session).await?;
        stored.stream(session).try_collect().await
    }

    /// What the counters of `accounts` for `list` say, and what they should.
    pub(crate) async fn counts(
        &self,
        session: &mut ClientSession,
        list: FollowList,
        accounts: &[StoredCounters],
    ) -> Result<HashMap<UserId, Count>> {
        let ids: Vec<UserId> = accounts.iter().map(|account| account.user_id).collect();
        let changes = self.changes.totals(&mut *session, list, &ids).await?;
        let edges = self.follows.totals(session, list, &ids).await?;
        let (changes, edges) = (by_account(changes), by_account(edges));
        let counts = accounts.iter().map(|account| {
            let id = account.user_id;
            let pending = changes.get(&id).copied().unwrap_or_default();
            let count = Count {
                stored: account.of(list) + pending,
                counted: edges.get(&id).copied().unwrap_or_default(),
            };
            (id, count)
        });
        Ok(counts.collect())
    }

    /// Makes the counters of an account right, whatever they are.
    pub(crate) async fn repair(&self, session: &mut ClientSession, user_id: UserId) -> Result<()> {
        let own = doc! { "$eq": user_id };
        let found = self.stored(&mut *session, own, 1).await?;
        let Some(account) = found.first() else {
            return Ok(());
        };
        let mut set = Document::new();
        for list in FollowList::ALL {
            let counts = self.counts(&mut *session, list, &found).await?;
            let count = counts.get(&user_id).copied().unwrap_or_default();
            set.insert(
                list.counter(),
                account.of(list) - count.stored + count.counted,
            );
        }
        let own = doc! { "_id": user_id };
        let update = self.users.update_one(own, doc! { "$set": set });
        update.session(session).await?;
        Ok(())
    }

    /// Takes over how many posts an account has, unless a later count is known.
    pub(crate) async fn set_posts_count(
        &self,
        user_id: UserId,
        count: i64,
        version: i64,
    ) -> std::result::Result<(), StoreError> {
        let users = self.users.clone();
        // Not being as large holds for no version at all, too.
        let earlier =
            doc! { "_id": user_id, "posts_count_version": { "$not": { "$gte": version } } };
        let set = doc! { "$set": { "posts_count": count, "posts_count_version": version } };
        let update = async move { users.update_one(earlier, set).await };
        let operation = Operation {
            collection: NAME,
            name: "set_posts_count",
        };
        self.store.run(operation, update).await?;
        Ok(())
    }
}

fn by_account(totals: Vec<Total>) -> HashMap<UserId, i64> {
    let totals = totals.into_iter();
    totals.map(|total| (total.user_id, total.total)).collect()
}
