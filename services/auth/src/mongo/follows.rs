use bson::{Document, doc};
use domain::{Follow, FollowStatus, Id, Timestamp, UserId};
use futures_util::TryStreamExt;
use mongodb::{
    ClientSession, Collection,
    error::Result,
    options::{Hint, ReturnDocument},
};
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

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EdgeRange {
    pub(crate) list: FollowList,
    pub(crate) owner_id: UserId,
    /// Which edges are in the list.
    pub(crate) status: FollowStatus,
    pub(crate) order: Order,
    /// Begins behind this edge.
    pub(crate) after: Option<Id<Follow>>,
    /// Most edges.
    pub(crate) limit: usize,
}

impl EdgeRange {
    /// A list from its newest edge on, of which nothing is read yet.
    pub(crate) const fn newest(list: FollowList, owner_id: UserId, status: FollowStatus) -> Self {
        Self {
            list,
            owner_id,
            status,
            order: Order::NewestFirst,
            after: None,
            limit: 0,
        }
    }

    /// The first of a list behind `after`, up to `limit`.
    pub(crate) const fn oldest(
        list: FollowList,
        owner_id: UserId,
        status: FollowStatus,
        after: Option<Id<Follow>>,
        limit: usize,
    ) -> Self {
        Self {
            list,
            owner_id,
            status,
            order: Order::OldestFirst,
            after,
            limit,
        }
    }
}

/// How many documents, or what sum, an account has.
#[derive(Deserialize)]
pub(crate) struct Total {
    #[serde(rename = "_id")]
    pub(crate) user_id: UserId,
    pub(crate) total: i64,
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

    /// Removes the edge from one account to another as [`Follows::remove`] does.
    /// Where there is none it comes and goes, so that a transaction that makes
    /// one meanwhile is in the way (of two that write the same key of a unique
    /// index, one has to begin again) and sees what it overlooked.
    pub(crate) async fn cut(
        &self,
        session: &mut ClientSession,
        from: UserId,
        to: UserId,
        now: Timestamp,
    ) -> Result<Option<Follow>> {
        let removed = self.remove(&mut *session, from, to).await?;
        if removed.is_none() {
            let obstacle = Follow {
                id: Id::generate(),
                follower_id: from,
                followee_id: to,
                status: FollowStatus::Pending,
                created_at: now,
            };
            self.insert(&mut *session, &obstacle).await?;
            self.remove(session, from, to).await?;
        }
        Ok(removed)
    }

    /// Accepts the request from one account to another and returns the edge, if
    /// there was one.
    pub(crate) async fn accept(
        &self,
        session: &mut ClientSession,
        from: UserId,
        to: UserId,
    ) -> Result<Option<Follow>> {
        let accept = self
            .edges
            .find_one_and_update(request(from, to), accepted())
            .return_document(ReturnDocument::After);
        accept.hint(by_name(indexes::FOLLOW)).session(session).await
    }

    /// Accepts requests that were read in the transaction of `session`.
    pub(crate) async fn accept_all(
        &self,
        session: &mut ClientSession,
        requests: &[Follow],
    ) -> Result<()> {
        let ids: Vec<Id<Follow>> = requests.iter().map(|edge| edge.id).collect();
        let accept = self
            .edges
            .update_many(doc! { "_id": { "$in": ids } }, accepted());
        accept.session(session).await?;
        Ok(())
    }

    /// Removes the request from one account to another and returns the edge, if
    /// there was one. A follow that is in force stays.
    pub(crate) async fn decline(
        &self,
        session: &mut ClientSession,
        from: UserId,
        to: UserId,
    ) -> Result<Option<Follow>> {
        let remove = self.edges.find_one_and_delete(request(from, to));
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
        let mut filter = doc! { owner: range.owner_id, "status": range.status };
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

    /// Whom those among `friends` follow whom `user_id` follows, each with how
    /// many of them do: looked for among the newest `each` follows of every
    /// friend, up to `limit` in all, those of the most friends first.
    pub(crate) async fn of_friends(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        friends: &[UserId],
        each: i64,
        limit: i64,
    ) -> Result<Vec<Total>> {
        let newest = vec![
            doc! { "$match": { "status": FollowStatus::Accepted } },
            doc! { "$sort": { "_id": -1 } },
            doc! { "$limit": each },
            doc! { "$project": { "followee_id": 1 } },
        ];
        let pipeline = [
            doc! { "$match": { "follower_id": user_id, "followee_id": { "$in": friends } } },
            doc! { "$lookup": {
                "from": NAME,
                "localField": "followee_id",
                "foreignField": "follower_id",
                "pipeline": newest,
                "as": "edges",
            } },
            doc! { "$unwind": "$edges" },
            doc! { "$group": { "_id": "$edges.followee_id", "total": { "$sum": 1_i64 } } },
            doc! { "$sort": { "total": -1, "_id": -1 } },
            doc! { "$limit": limit },
        ];
        let totals = self
            .edges
            .aggregate(pipeline)
            .hint(by_name(indexes::FOLLOW));
        let totals = totals.with_type::<Total>();
        let mut totals = totals.session(&mut *session).await?;
        totals.stream(session).try_collect().await
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

fn request(from: UserId, to: UserId) -> Document {
    doc! { "follower_id": from, "followee_id": to, "status": FollowStatus::Pending }
}

fn accepted() -> Document {
    doc! { "$set": { "status": FollowStatus::Accepted } }
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
