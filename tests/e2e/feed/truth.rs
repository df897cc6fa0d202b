//! The feed as MongoDB has it: every post that there is, and of each whether
//! the viewer may see it.

use std::collections::{HashMap, HashSet};

use domain::{
    Block, BlockKind, Follow, FollowStatus, Like, Post, PostId, User, UserId,
    visibility::{Relation, Sight, Viewer, is_visible},
};
use futures_util::TryStreamExt;
use mongodb::{Database, bson::doc};
use serde::de::DeserializeOwned;

/// Everything that decides about feeds, as it is stored.
pub(super) struct Truth {
    users: HashMap<UserId, User>,
    follows: HashMap<(UserId, UserId), FollowStatus>,
    blocks: HashSet<(UserId, UserId)>,
    mutes: HashSet<(UserId, UserId)>,
    likes: HashSet<(UserId, PostId)>,
    /// Newest first.
    posts: Vec<Post>,
}

impl Truth {
    pub(super) async fn read(mongodb: &Database) -> Self {
        let users: Vec<User> = all(mongodb, "users").await;
        let follows: Vec<Follow> = all(mongodb, "follows").await;
        let blocks: Vec<Block> = all(mongodb, "blocks").await;
        let likes: Vec<Like> = all(mongodb, "likes").await;
        let mut posts: Vec<Post> = all(mongodb, "posts").await;
        posts.sort_by_key(|post| std::cmp::Reverse((post.created_at(), post.id)));
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
            likes: likes
                .iter()
                .map(|like| (like.user_id, like.post_id))
                .collect(),
            posts,
        }
    }

    /// The feed of `viewer`, a line a post; `None` for an account that is not active.
    pub(super) fn feed_of(&self, viewer: UserId) -> Option<Vec<String>> {
        let user = &self.users[&viewer];
        let eyes = Viewer {
            id: viewer,
            role: user.role,
        };
        let is_seen = |post: &&Post| {
            let author = self.users[&post.user_id].as_author();
            let sight = Sight::Feed {
                is_deleted: post.deleted_at.is_some(),
            };
            is_visible(&eyes, &author, &self.relation(viewer, author.id), sight)
        };
        let seen = self.posts.iter().filter(is_seen);
        let lines = seen.map(|post| self.line(viewer, post)).collect();
        user.is_active().then_some(lines)
    }

    fn relation(&self, viewer: UserId, author: UserId) -> Relation {
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

    fn line(&self, viewer: UserId, post: &Post) -> String {
        let author = &self.users[&post.user_id];
        super::reading::line(
            &post.id.to_string(),
            &author.username,
            &author.full_name,
            &post.caption,
            self.likes.contains(&(viewer, post.id)),
        )
    }
}

async fn all<T: DeserializeOwned + Send + Sync>(mongodb: &Database, name: &str) -> Vec<T> {
    let documents = mongodb.collection(name).find(doc! {}).await.unwrap();
    documents.try_collect().await.unwrap()
}
