//! The items of an export: what is stored, under the names that clients know,
//! without what belongs to others.

use domain::{
    Comment, CommentId, Like, LikeType, LikedId, MediaType, Post, PostId, Reaction, Timestamp,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
pub(super) struct PostItem {
    #[serde(rename = "_id")]
    id: PostId,
    caption: String,
    media_urls: Vec<String>,
    media_type: MediaType,
    likes_count: i64,
    comments_count: i64,
    saves_count: i64,
    hashtags: Vec<String>,
    mentions: Vec<String>,
    location: Option<String>,
    created_at: Timestamp,
    edited_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
}

#[derive(Serialize)]
pub(super) struct CommentItem {
    #[serde(rename = "_id")]
    id: CommentId,
    post_id: PostId,
    parent_id: Option<CommentId>,
    content: String,
    mentions: Vec<String>,
    likes_count: i64,
    replies_count: i64,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
}

#[derive(Serialize)]
pub(super) struct LikeItem {
    #[serde(rename = "type")]
    kind: LikeType,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_id: Option<LikedId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_id: Option<LikedId>,
    reaction: Reaction,
    created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SavedItem {
    post_id: PostId,
    created_at: Timestamp,
}

impl From<Post> for PostItem {
    fn from(post: Post) -> Self {
        Self {
            created_at: post.created_at(),
            id: post.id,
            caption: post.caption,
            media_urls: post.media_urls,
            media_type: post.media_type,
            likes_count: post.likes_count,
            comments_count: post.comments_count,
            saves_count: post.saves_count,
            hashtags: post.hashtags,
            mentions: post.mentions,
            location: post.location,
            edited_at: post.edited_at,
            deleted_at: post.deleted_at,
        }
    }
}

impl From<Comment> for CommentItem {
    fn from(comment: Comment) -> Self {
        Self {
            created_at: comment.created_at(),
            id: comment.id,
            post_id: comment.post_id,
            parent_id: comment.parent_id,
            content: comment.content,
            mentions: comment.mentions,
            likes_count: comment.likes_count,
            replies_count: comment.replies_count,
            deleted_at: comment.deleted_at,
        }
    }
}

impl From<Like> for LikeItem {
    fn from(like: Like) -> Self {
        let is_comment = like.kind == LikeType::Comment;
        Self {
            created_at: like.created_at(),
            kind: like.kind,
            post_id: (!is_comment).then_some(like.liked_id),
            comment_id: is_comment.then_some(like.liked_id),
            reaction: like.reaction,
        }
    }
}
