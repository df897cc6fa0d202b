//! `anufy.posts.v1`: posts and their counters.

/// The generated messages, clients and servers.
#[expect(
    missing_docs,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    unused_qualifications,
    reason = "generated from proto/, which carries the documentation"
)]
pub mod v1 {
    tonic::include_proto!("anufy.posts.v1");
}

use crate::timestamp;

impl From<&domain::Post> for v1::Post {
    fn from(post: &domain::Post) -> Self {
        Self {
            id: post.id.to_string(),
            author_id: post.user_id.to_string(),
            caption: post.caption.clone(),
            hashtags: post.hashtags.clone(),
            mentions: post.mentions.clone(),
            created_at: Some(timestamp(post.created_at())),
        }
    }
}
