//! The feed as MongoDB has it: every post that there is, and of each whether
//! the viewer may see it.

use std::collections::HashSet;

use domain::{Like, LikedId, Post, UserId, visibility::Sight};
use mongodb::Database;

use crate::facts::{Facts, all};

/// Everything that decides about feeds, as it is stored.
pub(super) struct Truth {
    facts: Facts,
    likes: HashSet<(UserId, LikedId)>,
    /// Newest first.
    posts: Vec<Post>,
}

impl Truth {
    pub(super) async fn read(mongodb: &Database) -> Self {
        let likes: Vec<Like> = all(mongodb, "likes").await;
        let mut posts: Vec<Post> = all(mongodb, "posts").await;
        posts.sort_by_key(|post| std::cmp::Reverse((post.created_at(), post.id)));
        Self {
            facts: Facts::read(mongodb).await,
            likes: likes
                .iter()
                .map(|like| (like.user_id, like.liked_id))
                .collect(),
            posts,
        }
    }

    /// The feed of `viewer`, a line a post; `None` for an account that is not active.
    pub(super) fn feed_of(&self, viewer: UserId) -> Option<Vec<String>> {
        let is_seen = |post: &&Post| {
            let sight = Sight::Feed {
                is_deleted: post.deleted_at.is_some(),
            };
            self.facts.allow(viewer, post.user_id, sight)
        };
        let seen = self.posts.iter().filter(is_seen);
        let lines = seen.map(|post| self.line(viewer, post)).collect();
        self.facts.user(viewer).is_active().then_some(lines)
    }

    fn line(&self, viewer: UserId, post: &Post) -> String {
        let author = self.facts.user(post.user_id);
        super::reading::line(
            &post.id.to_string(),
            &author.username,
            &author.full_name,
            &post.caption,
            self.likes.contains(&(viewer, post.id.into())),
        )
    }
}
