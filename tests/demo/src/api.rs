//! The parts of the public API's answers that matter here.

use serde::Deserialize;

/// To a registration.
#[derive(Deserialize)]
pub(crate) struct LoggedIn {
    pub(crate) token: String,
    pub(crate) user: User,
}

/// Somebody, as they and others see them.
#[derive(Deserialize)]
pub(crate) struct User {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) full_name: String,
}

/// To a follow.
#[derive(Deserialize)]
pub(crate) struct Followed {
    pub(crate) following: bool,
}

/// A post as somebody sees it.
#[derive(Deserialize)]
pub(crate) struct Post {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) user: User,
    pub(crate) caption: String,
    pub(crate) likes_count: usize,
    pub(crate) comments_count: usize,
    /// RFC 3339, in UTC with milliseconds, so that texts sort as times.
    pub(crate) created_at: String,
}

/// To a like.
#[derive(Deserialize)]
pub(crate) struct Liked {
    pub(crate) is_liked: bool,
}

/// To a comment.
#[derive(Deserialize)]
pub(crate) struct Comment {
    pub(crate) content: String,
}

/// A hashtag that people use lately.
#[derive(Deserialize)]
pub(crate) struct Hashtag {
    pub(crate) tag: String,
    /// Its uses, older ones weighing less.
    pub(crate) score: f64,
}

/// A page of a list.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}
