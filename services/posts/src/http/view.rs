//! What clients see.

use std::collections::HashMap;

use domain::{CommentId, MediaType, PostId, Reaction, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use web::{ListView, Paging, actix_web::web::Bytes};

use crate::{
    PostError, comments::SeenComment, likers::Liker, likes::LikesSeen, lists::Page,
    mongo::Position, people::Person, posts::SeenPost, trending::Trend,
};

/// A post as its viewer sees it.
#[derive(Serialize, Deserialize)]
pub(crate) struct PostView {
    #[serde(rename = "_id")]
    id: PostId,
    user_id: UserId,
    user: AuthorView,
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
    is_liked: bool,
    reaction: Option<Reaction>,
    is_saved: bool,
}

/// A comment as its viewer sees it.
#[derive(Serialize)]
pub(crate) struct CommentView {
    #[serde(rename = "_id")]
    id: CommentId,
    post_id: PostId,
    user_id: UserId,
    user: AuthorView,
    parent_id: Option<CommentId>,
    content: String,
    mentions: Vec<String>,
    likes_count: i64,
    replies_count: i64,
    created_at: Timestamp,
    is_liked: bool,
    reaction: Option<Reaction>,
}

/// Somebody who likes a post.
#[derive(Serialize)]
pub(crate) struct LikerView {
    #[serde(flatten)]
    user: AuthorView,
    reaction: Reaction,
    liked_at: Timestamp,
}

/// The answer to a like.
#[derive(Serialize)]
pub(crate) struct LikeView {
    pub(crate) post_id: PostId,
    pub(crate) is_liked: bool,
    /// Absent if it is not liked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reaction: Option<Reaction>,
    pub(crate) likes_count: i64,
}

/// The answer to a save.
#[derive(Serialize)]
pub(crate) struct SaveView {
    pub(crate) post_id: PostId,
    pub(crate) is_saved: bool,
    pub(crate) saves_count: i64,
}

/// A hashtag that is used now.
#[derive(Serialize)]
pub(crate) struct TrendView {
    tag: String,
    score: f64,
}

/// The answer to a like of a comment.
#[derive(Serialize)]
pub(crate) struct CommentLikeView {
    pub(crate) comment_id: CommentId,
    pub(crate) is_liked: bool,
    /// Absent if it is not liked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reaction: Option<Reaction>,
    pub(crate) likes_count: i64,
}

/// Who made it, or likes it.
#[derive(Serialize, Deserialize)]
struct AuthorView {
    #[serde(rename = "_id")]
    id: UserId,
    username: String,
    full_name: String,
    avatar_url: Option<String>,
    is_verified: bool,
}

impl From<Person> for AuthorView {
    fn from(person: Person) -> Self {
        Self {
            id: person.id(),
            username: person.username,
            full_name: person.full_name,
            avatar_url: person.avatar_url,
            is_verified: person.is_verified,
        }
    }
}

impl From<SeenPost> for PostView {
    fn from(seen: SeenPost) -> Self {
        let SeenPost {
            post,
            author,
            likes,
            is_saved,
        } = seen;
        Self {
            created_at: post.created_at(),
            id: post.id,
            user_id: post.user_id,
            user: author.into(),
            caption: post.caption,
            media_urls: post.media_urls,
            media_type: post.media_type,
            likes_count: likes.count,
            comments_count: post.comments_count,
            saves_count: post.saves_count,
            hashtags: post.hashtags,
            mentions: post.mentions,
            location: post.location,
            edited_at: post.edited_at,
            is_liked: likes.own.is_some(),
            reaction: likes.own,
            is_saved,
        }
    }
}

impl From<SeenComment> for CommentView {
    fn from(seen: SeenComment) -> Self {
        let SeenComment {
            comment,
            author,
            likes,
        } = seen;
        Self {
            created_at: comment.created_at(),
            id: comment.id,
            post_id: comment.post_id,
            user_id: comment.user_id,
            user: author.into(),
            parent_id: comment.parent_id,
            content: comment.content,
            mentions: comment.mentions,
            likes_count: likes.count,
            replies_count: comment.replies_count,
            is_liked: likes.own.is_some(),
            reaction: likes.own,
        }
    }
}

impl From<Liker> for LikerView {
    fn from(liker: Liker) -> Self {
        Self {
            user: liker.person.into(),
            reaction: liker.reaction,
            liked_at: liker.liked_at,
        }
    }
}

impl From<Trend> for TrendView {
    fn from(trend: Trend) -> Self {
        Self {
            tag: trend.tag,
            score: (trend.weight * 1_000.0).round() / 1_000.0,
        }
    }
}

/// The posts of `page` that answer `paging`.
pub(crate) fn list<P: Serialize>(page: Page<P>, paging: &Paging<P>) -> ListView<PostView> {
    let posts = page.posts.into_iter().map(PostView::from).collect();
    ListView::new(posts, paging, page.next.as_ref())
}

/// The posts of `page` that answer `paging`, as JSON.
pub(crate) fn list_json(
    page: Page,
    paging: &Paging<Position>,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&list(page, paging))
}

/// What [`list_json`] has written, with other likes of some posts.
pub(crate) fn with_likes(
    json: &[u8],
    mut likes: HashMap<PostId, LikesSeen>,
) -> Result<Bytes, PostError> {
    let mut list: ListView<PostView> = serde_json::from_slice(json)?;
    for post in list.items_mut() {
        if let Some(LikesSeen { count, own }) = likes.remove(&post.id) {
            post.likes_count = count;
            post.is_liked = own.is_some();
            post.reaction = own;
        }
    }
    Ok(serde_json::to_vec(&list)?.into())
}

/// The comment that a path names; what is no id names none.
pub(crate) fn comment_id(text: &str) -> Result<CommentId, PostError> {
    text.parse().or(Err(PostError::CommentNotFound))
}

/// The post that a path names; what is no id names none.
pub(crate) fn post_id(text: &str) -> Result<PostId, PostError> {
    text.parse().or(Err(PostError::PostNotFound))
}
