//! Accounts and what stands between them, as MongoDB has it. What people see is
//! compared with what the product's one predicate makes of this.

use std::collections::{HashMap, HashSet};

use domain::{
    Block, BlockKind, Follow, FollowStatus, User, UserId,
    visibility::{Relation, Sight, Viewer, is_visible},
};
use futures_util::TryStreamExt;
use mongodb::{Database, bson::doc};
use serde::de::DeserializeOwned;

/// Everything that decides who sees whom.
pub(crate) struct Facts {
    users: HashMap<UserId, User>,
    follows: HashMap<(UserId, UserId), FollowStatus>,
    blocks: HashSet<(UserId, UserId)>,
    mutes: HashSet<(UserId, UserId)>,
}

impl Facts {
    pub(crate) async fn read(mongodb: &Database) -> Self {
        let users: Vec<User> = all(mongodb, "users").await;
        let follows: Vec<Follow> = all(mongodb, "follows").await;
        let blocks: Vec<Block> = all(mongodb, "blocks").await;
        let held = |kind| {
            let those = blocks.iter().filter(move |block| block.kind == kind);
            those
                .map(|block| (block.user_id, block.blocked_id))
                .collect()
        };
        let follows = follows.iter();
        Self {
            users: users.into_iter().map(|user| (user.id, user)).collect(),
            follows: follows
                .map(|edge| ((edge.follower_id, edge.followee_id), edge.status))
                .collect(),
            blocks: held(BlockKind::Block),
            mutes: held(BlockKind::Mute),
        }
    }

    pub(crate) fn user(&self, id: UserId) -> &User {
        &self.users[&id]
    }

    /// Whether `viewer` may have `sight` of what `author` is or made.
    pub(crate) fn allow(&self, viewer: UserId, author: UserId, sight: Sight) -> bool {
        let eyes = Viewer {
            id: viewer,
            role: self.user(viewer).role,
        };
        let relation = self.relation(viewer, author);
        is_visible(&eyes, &self.user(author).as_author(), &relation, sight)
    }

    /// What stands between them, as `viewer` stands to `author`.
    pub(crate) fn relation(&self, viewer: UserId, author: UserId) -> Relation {
        let (to, from) = ((viewer, author), (author, viewer));
        let status = self.follows.get(&to);
        Relation {
            following: status == Some(&FollowStatus::Accepted),
            requested: status == Some(&FollowStatus::Pending),
            followed_by: self.follows.get(&from) == Some(&FollowStatus::Accepted),
            blocking: self.blocks.contains(&to),
            blocked_by: self.blocks.contains(&from),
            muting: self.mutes.contains(&to),
        }
    }
}

/// Every document of a collection.
pub(crate) async fn all<T: DeserializeOwned + Send + Sync>(
    mongodb: &Database,
    name: &str,
) -> Vec<T> {
    let documents = mongodb.collection(name).find(doc! {}).await.unwrap();
    documents.try_collect().await.unwrap()
}
