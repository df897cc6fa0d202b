use bson::{Document, doc};
use domain::{Follow, FollowStatus, Id, UserId};
use futures_util::TryStreamExt;
use mongodb::{ClientSession, Collection, error::Result, options::Hint};
use serde::Deserialize;
use store::Store;

use super::indexes;

/// The collection's name.
pub(crate) const NAME: &str = "follows";

/// The `follows` collection: who follows whom. Every access is part of a
/// transaction or a snapshot.
#[derive(Clone)]
pub(crate) struct Follows {
    edges: Collection<Follow>,
}

/// A list of accounts that an account has by its follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FollowList {
    /// Who follows it.
    Followers,
    /// Whom it follows.
    Following,
}

impl FollowList {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Followers, Self::Following];

    /// The field of an edge that names whose list it is.
    pub(super) const fn owner_field(self) -> &'static str {
        match self {
            Self::Followers => "followee_id",
            Self::Following => "follower_id",
        }
    }

    /// The field of an account that counts the list.
    pub(crate) const fn counter(self) -> &'static str {
        match self {
            Self::Followers => "followers_count",
            Self::Following => "following_count",
        }
    }

    /// What it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Followers => "followers",
            Self::Following => "following",
        }
    }

    const fn index(self) -> &'static str {
        match self {
            Self::Followers => indexes::FOLLOWERS,
            Self::Following => indexes::FOLLOWING,
        }
    }

    /// The account that an edge adds to the list.
    pub(crate) const fn member(self, edge: &Follow) -> UserId {
        match self {
            Self::Followers => edge.follower_id,
            Self::Following => edge.followee_id,
        }
    }
}

/// From which end a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    NewestFirst,
    OldestFirst,
}

/// A part of a list: its accepted edges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EdgeRange {
    pub(crate) list: FollowList,
    pub(crate) owner_id: UserId,
    pub(crate) order: Order,
    /// Begins behind this edge.
    pub(crate) after: Option<Id<Follow>>,
    /// Most edges.
    pub(crate) limit: usize,
}

/// How many documents, or what sum, an account has.
#[derive(Deserialize)]
pub(super) struct Total {
    #[serde(rename = "_id")]
    pub(super) user_id: UserId,
    pub(super) total: i64,
}

impl Follows {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            edges: store.collection(NAME),
        }
    }

    /// The edges from `user_id` to any of `others` and from any of them to it.
    pub(crate) async fn between(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        others: &[UserId],
    ) -> Result<Vec<Follow>> {
        let find = self
            .edges
            .find(either_way(("follower_id", "followee_id"), user_id, others));
        let mut edges = find
            .hint(by_name(indexes::FOLLOW))
            .session(&mut *session)
            .await?;
        edges.stream(session).try_collect().await
    }

    pub(crate) async fn insert(&self, session: &mut ClientSession, edge: &Follow) -> Result<()> {
        self.edges.insert_one(edge).session(session).await?;
        Ok(())
    }

    /// Removes the edge from one account to another and returns it, if it was there.
    pub(crate) async fn remove(
        &self,
        session: &mut ClientSession,
        from: UserId,
        to: UserId,
    ) -> Result<Option<Follow>> {
        let edge = doc! { "follower_id": from, "followee_id": to };
        let remove = self.edges.find_one_and_delete(edge);
        remove.hint(by_name(indexes::FOLLOW)).session(session).await
    }

    /// The edges of a part of a list, in its order.
    pub(crate) async fn page(
        &self,
        session: &mut ClientSession,
        range: EdgeRange,
    ) -> Result<Vec<Follow>> {
        let (direction, behind) = match range.order {
            Order::NewestFirst => (-1, "$lt"),
            Order::OldestFirst => (1, "$gt"),
        };
        let owner = range.list.owner_field();
        let mut filter = doc! { owner: range.owner_id, "status": FollowStatus::Accepted };
        if let Some(after) = range.after {
            filter.insert("_id", doc! { behind: after });
        }
        let find = self.edges.find(filter).sort(doc! { "_id": direction });
        let find = find.limit(i64::try_from(range.limit).unwrap_or(i64::MAX));
        // All in one answer, not the usual hundred in the first.
        let find = find.batch_size(u32::try_from(range.limit).unwrap_or(u32::MAX));
        let find = find.hint(by_name(range.list.index()));
        let mut edges = find.session(&mut *session).await?;
        edges.stream(session).try_collect().await
    }

    /// How many accounts `user_id` follows or has asked to follow, counted up to `limit`.
    pub(crate) async fn outgoing_count(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        limit: u64,
    ) -> Result<u64> {
        let outgoing = doc! { "follower_id": user_id };
        let count = self.edges.count_documents(outgoing).limit(limit);
        let count = count.hint(by_name(indexes::FOLLOWING));
        count.session(session).await
    }

    /// How long the list of each of `user_ids` is, without those whose list is empty.
    pub(super) async fn totals(
        &self,
        session: &mut ClientSession,
        list: FollowList,
        user_ids: &[UserId],
    ) -> Result<Vec<Total>> {
        let owner = list.owner_field();
        let accepted = doc! { owner: { "$in": user_ids }, "status": FollowStatus::Accepted };
        let count = doc! { "_id": format!("${owner}"), "total": { "$sum": 1_i64 } };
        let pipeline = [doc! { "$match": accepted }, doc! { "$group": count }];
        let totals = self.edges.aggregate(pipeline).hint(by_name(list.index()));
        let totals = totals.with_type::<Total>();
        let mut totals = totals.session(&mut *session).await?;
        totals.stream(session).try_collect().await
    }
}

/// Matches documents from `user_id` to any of `others`, and back. Looked up
/// pair by pair, which needs the hint of an index over `(from, to)`: one over
/// `to` alone would read everything that points at a celebrity.
pub(super) fn either_way((from, to): (&str, &str), user_id: UserId, others: &[UserId]) -> Document {
    doc! { "$or": [
        { from: user_id, to: { "$in": others } },
        { from: { "$in": others }, to: user_id },
    ] }
}

pub(super) fn by_name(index: &str) -> Hint {
    Hint::Name(index.to_owned())
}
